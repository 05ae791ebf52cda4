import { deactivateAuthorization } from '../../store/authorizations.ts'
import type { AuthorizationView } from '../../store/views.ts'
import type { AcmeDeps } from '../deps.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest } from '../request.ts'
import { authorizationObject } from '../resources.ts'
import { authorizationTransitions, deriveAuthorizationStatus } from '../status.ts'
import { problem } from '../problems.ts'
import { challengeRetryAfterSeconds } from './challenge.ts'

/** RFC 8555 sections 7.5 (read) and 7.5.2 (deactivation). */
export async function authorization(
  deps: AcmeDeps,
  request: AccountRequest<{ readonly deactivate: boolean }, 'authorization'>,
): Promise<Reply> {
  const { resource, payload } = request
  if (!payload.deactivate) return reply(resource, request)
  await deactivate(deps, request)
  return reply({ ...resource, status: 'deactivated' }, request)
}

async function deactivate(
  deps: AcmeDeps,
  { account, resource, now }: AccountRequest<unknown, 'authorization'>,
): Promise<void> {
  const status = deriveAuthorizationStatus(resource, now)
  const possible: readonly string[] = authorizationTransitions[status]
  const deactivated =
    possible.includes('deactivated') &&
    (await deactivateAuthorization(deps.db, { id: resource.id, accountId: account.id }))
  if (!deactivated && status !== 'deactivated') {
    throw problem.malformed(`The authorization is ${status}; only a pending or valid one can be deactivated.`)
  }
}

function reply(resource: AuthorizationView, { links, now }: AccountRequest<unknown, 'authorization'>): Reply {
  const underWay = resource.status === 'pending' && resource.challenges.some(({ status }) => status === 'processing')
  return {
    status: 200,
    json: authorizationObject(resource, links, now),
    resourceId: resource.id,
    ...(underWay && { retryAfterSeconds: challengeRetryAfterSeconds }),
  }
}
