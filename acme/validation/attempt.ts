import { type ClaimedChallenge, completeChallenge, rescheduleChallenge } from '../../store/challenges.ts'
import type { Db } from '../../store/database.ts'
import type { StoredProblem } from '../../store/schema.ts'
import type { ChallengeView } from '../../store/views.ts'
import type { AcmeMetrics, Checkpoint, Clock, Log } from '../ports.ts'
import { problem, toDocument } from '../problems.ts'
import type { PinnedRevision, Profiles } from '../profiles.ts'
import type { ValidationOutcome } from './challenge.ts'
import type { Validator } from './validator.ts'

/** A validation that failed for good, for whoever counts them. */
export interface FailedValidation {
  readonly challenge: ChallengeView
  readonly revision: PinnedRevision
}

export interface AttemptDeps {
  readonly db: Db
  readonly validator: Validator
  readonly profiles: Pick<Profiles, 'revision'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Pick<AcmeMetrics, 'validation'>
  /** Names this process among all replicas, and no other process ever. */
  readonly owner: string
  /** RFC 8555 section 8.2: one more try after each of these, then the challenge is invalid. */
  readonly retryDelaysSeconds: readonly number[]
  /** Called once for each challenge that its client failed. What it throws is logged and changes nothing. */
  onFailedValidation(failed: FailedValidation): Promise<void>
  readonly checkpoint?: Checkpoint
}

/** What a try came to, as members of the challenge: `processing` with an error is tried again. */
export type ChallengeResult =
  | { readonly status: 'valid'; readonly validatedAt: Date }
  | { readonly status: 'invalid' | 'processing'; readonly error: StoredProblem }

/**
 * Tries a challenge that this owner holds the lease of, and records the result. Undefined where the lease was lost
 * meanwhile, and then nothing was changed. Rejects with the signal's reason, and when the database does not answer.
 */
export async function attemptChallenge(
  deps: AttemptDeps,
  claimed: ClaimedChallenge,
  signal: AbortSignal,
): Promise<ChallengeResult | undefined> {
  const { challenge } = claimed
  const startedAt = deps.clock.now()
  await deps.checkpoint?.('validation.claimed')
  const finding = await findOut(deps, claimed, signal)
  await deps.checkpoint?.('validation.probed')
  const result = await record(deps, challenge, finding)
  await deps.checkpoint?.('validation.completed')
  if (result === undefined) {
    deps.log.warn({ challenge: challenge.id }, 'validation took longer than its lease and does not count')
    return undefined
  }
  report(deps, challenge, { result, seconds: (deps.clock.now().getTime() - startedAt.getTime()) / 1000 })
  if (result.status === 'invalid' && finding.revision !== undefined) {
    await countFailure(deps, { challenge, revision: finding.revision })
  }
  return result
}

/** `revision` is absent where it was our side that failed. */
type Finding =
  | { readonly ok: true; readonly revision: PinnedRevision }
  | { readonly ok: false; readonly revision?: PinnedRevision; readonly retry: boolean; readonly error: StoredProblem }

async function findOut(deps: AttemptDeps, claimed: ClaimedChallenge, signal: AbortSignal): Promise<Finding> {
  const { type, token, authorization, id } = claimed.challenge
  try {
    const revision = await deps.profiles.revision(authorization.profileRevisionId)
    if (revision === undefined) throw new Error(`profile revision ${authorization.profileRevisionId} does not exist`)
    const request = {
      type,
      identifier: authorization.identifier,
      token,
      keyAuthorization: `${token}.${claimed.accountThumbprint}`, // RFC 8555 section 8.1
      policy: revision.policy.validation,
    }
    const outcome = await deps.validator.validate(request, signal)
    return outcome.ok ? { ok: true, revision } : { ok: false, revision, retry: outcome.retry, error: errorOf(outcome) }
  } catch (error) {
    signal.throwIfAborted()
    deps.log.error({ err: error, challenge: id }, 'validation could not be carried out')
    const document = toDocument(problem.serverInternal('The server could not carry out the validation.'))
    return { ok: false, retry: true, error: { ...document } }
  }
}

function errorOf({ problem: { type, detail } }: Extract<ValidationOutcome, { ok: false }>): StoredProblem {
  return { ...toDocument(problem[type](detail)) }
}

async function record(
  { db, owner, clock, retryDelaysSeconds }: AttemptDeps,
  { id, attempts }: ChallengeView,
  finding: Finding,
): Promise<ChallengeResult | undefined> {
  if (finding.ok) {
    const isRecorded = await completeChallenge(db, { id, owner, outcome: { status: 'valid' } })
    return isRecorded ? { status: 'valid', validatedAt: clock.now() } : undefined
  }
  const { error, retry } = finding
  const delaySeconds = retry ? retryDelaysSeconds[attempts - 1] : undefined
  if (delaySeconds === undefined) {
    const isRecorded = await completeChallenge(db, { id, owner, outcome: { status: 'invalid', error } })
    return isRecorded ? { status: 'invalid', error } : undefined
  }
  const isRecorded = await rescheduleChallenge(db, { id, owner, delaySeconds, error })
  return isRecorded ? { status: 'processing', error } : undefined
}

function report(
  { log, metrics }: AttemptDeps,
  { id, type, attempts, authorization }: ChallengeView,
  { result, seconds }: { result: ChallengeResult; seconds: number },
): void {
  metrics.validation(type, result.status === 'processing' ? 'retry' : result.status, seconds)
  log.info(
    { challenge: id, type, identifier: authorization.identifier.value, attempts, seconds, ...result },
    'challenge tried',
  )
}

async function countFailure(deps: AttemptDeps, failed: FailedValidation): Promise<void> {
  try {
    await deps.onFailedValidation(failed)
  } catch (error) {
    deps.log.error({ err: error, challenge: failed.challenge.id }, 'a failed validation could not be counted')
  }
}
