import { setTimeout as delay } from 'node:timers/promises'
import { beginChallenge } from '../../store/challenges.ts'
import type { ChallengeView } from '../../store/views.ts'
import type { AcmeDeps } from '../deps.ts'
import { problem } from '../problems.ts'
import type { PinnedRevision } from '../profiles.ts'
import { challengeResponseCharge, enforce, failedValidationCheck, mergeRateLimits } from '../rate-limits/limits.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest } from '../request.ts'
import { challengeObject } from '../resources.ts'
import { deriveAuthorizationStatus } from '../status.ts'
import { findPinnedProfile } from './order.ts'

/** RFC 8555 section 8.2: when a client should look again at a challenge under way. */
export const challengeRetryAfterSeconds = 1

/**
 * How long the answer waits for a validation that ends at once. Most do within milliseconds, and a client that reads
 * `valid` here is spared a poll.
 */
const holdMilliseconds = 1000

type ChallengeRequest = AccountRequest<{ readonly respond: boolean }, 'challenge'>

/** RFC 8555 section 7.5.1. Clients repeat the response (cert-manager does): only the first begins anything. */
export async function challenge(deps: AcmeDeps, request: ChallengeRequest): Promise<Reply> {
  const { resource, payload } = request
  if (!payload.respond || resource.status !== 'pending') return reply(resource, request)
  if (!isLeftToProve(request)) return reply(resource, request)
  const revision = await deps.profiles.revision(resource.authorization.profileRevisionId)
  if (!revision || !(await findPinnedProfile(deps, revision, request))) {
    throw problem.malformed('The profile of this challenge is not served any more; make a new order.')
  }
  await enforceLimits(deps, request, revision)
  return reply(await begin(deps, request), request)
}

/** A valid authorization asks for nothing more, so a response to it is answered and changes nothing. */
function isLeftToProve({ resource, now }: ChallengeRequest): boolean {
  const status = deriveAuthorizationStatus(resource.authorization, now)
  if (status === 'pending' || status === 'valid') return status === 'pending'
  throw problem.malformed(`The authorization of this challenge is ${status}; make a new order to get another.`)
}

async function enforceLimits(
  deps: AcmeDeps,
  { account, resource }: ChallengeRequest,
  revision: PinnedRevision,
): Promise<void> {
  const limits = mergeRateLimits(deps.config.rateLimits, revision.policy.rateLimits)
  const identifier = resource.authorization.identifier.value
  await enforce(deps.limiter, [
    challengeResponseCharge(limits, revision.profileId, account.id),
    failedValidationCheck(limits, account.id, identifier),
  ])
}

async function begin(deps: AcmeDeps, { account, resource }: ChallengeRequest): Promise<ChallengeView> {
  const { owner, leaseSeconds } = deps.validation
  const challenge = { ...resource, status: 'processing', attempts: resource.attempts + 1 } as const
  const leased = await beginChallenge(deps.db, { id: resource.id, owner, leaseSeconds })
  if (!leased) return challenge
  const attempt = deps.validation.attempt({ challenge, accountThumbprint: account.key.thumbprint })
  const result = await Promise.race([attempt, delay(holdMilliseconds, undefined, { ref: false })])
  return { ...challenge, ...result }
}

function reply(resource: ChallengeView, { links }: ChallengeRequest): Reply {
  return {
    status: 200,
    json: challengeObject(resource, links),
    links: [{ relation: 'up', url: links.authorization(resource.authorization.id) }],
    resourceId: resource.id,
    ...(resource.status === 'processing' && { retryAfterSeconds: challengeRetryAfterSeconds }),
  }
}
