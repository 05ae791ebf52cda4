import { setTimeout as delay } from 'node:timers/promises'
import { claimChallenges, type ClaimedChallenge, releaseChallenge, releaseChallenges } from '../../store/challenges.ts'
import type { ChallengeType } from '../policy.ts'
import { attemptChallenge, type AttemptDeps, type ChallengeResult } from './attempt.ts'
import { createSlots } from './slots.ts'

/** Resolves after that time, or as soon as the signal is aborted; never rejects. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>

export const sleep: Sleep = (milliseconds, signal) =>
  delay(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })

export interface ValidationWorkerDeps extends AttemptDeps {
  /** More than the validator's total time: a lease is not renewed, and who finds it run out takes the challenge over. */
  readonly leaseSeconds: number
  /** Validations of each type at the same time; more than that wait in the database. */
  readonly concurrency: Readonly<Record<ChallengeType, number>>
  readonly pollIntervalSeconds: number
  /** How long `stop` lets validations under way finish before it aborts them. */
  readonly stopGraceSeconds: number
  readonly sleep: Sleep
}

/** Enough for a client that answers a little before its server or its DNS is ready. */
export const defaultRetryDelaysSeconds: readonly number[] = [1, 2, 4, 8, 15]

export interface ValidationWorker {
  /** What to lease challenges with (`beginChallenge`) before they are handed to `attempt`. */
  readonly owner: string
  readonly leaseSeconds: number
  /**
   * Tries a challenge that this owner has just leased, at once. Undefined where nothing was decided: no slot was free and
   * it waits in the database, its lease was lost, the database did not answer, or the worker is stopping. Never rejects.
   */
  attempt(claimed: ClaimedChallenge): Promise<ChallengeResult | undefined>
  /** Begins to pick up challenges that are due for a retry, and those whose owner died. */
  start(): void
  /** Claims nothing more, lets what runs finish within the grace period, aborts the rest and gives its leases back. */
  stop(): Promise<void>
}

/**
 * Validates leased challenges. No transaction is open while it talks to the network, and a result counts only while the
 * lease is held, so a crash or a pause at any point costs another try and nothing else.
 */
export function createValidationWorker(deps: ValidationWorkerDeps): ValidationWorker {
  const { db, owner, leaseSeconds, log } = deps
  const slots = createSlots(deps.concurrency)
  const running = new Set<Promise<unknown>>()
  const validations = new AbortController()
  let isStopping = false
  let polling: Promise<void> | undefined
  let pause = new AbortController()

  function attempt(claimed: ClaimedChallenge): Promise<ChallengeResult | undefined> {
    const task = !isStopping && slots.take(claimed.challenge.type) ? tryNow(claimed) : putBack(claimed)
    const guarded = task
      .catch((error: unknown) => {
        // Its lease brings the challenge back: whoever finds it run out takes over.
        const { id } = claimed.challenge
        if (!validations.signal.aborted) log.error({ err: error, challenge: id }, 'a validation was given up')
        return undefined
      })
      .finally(() => running.delete(guarded))
    running.add(guarded)
    return guarded
  }

  async function tryNow(claimed: ClaimedChallenge): Promise<ChallengeResult | undefined> {
    try {
      return await attemptChallenge(deps, claimed, validations.signal)
    } finally {
      if (slots.give(claimed.challenge.type)) pause.abort()
    }
  }

  async function putBack({ challenge: { id } }: ClaimedChallenge): Promise<undefined> {
    await releaseChallenge(db, { id, owner })
  }

  async function poll(): Promise<void> {
    while (!isStopping) {
      // Made before the claim, so that a slot given back during it still cuts the pause short.
      pause = new AbortController()
      const mayBeMore = await claimDue().catch((error: unknown) => {
        log.warn({ err: error }, 'challenges could not be claimed')
        return false
      })
      if (!mayBeMore && !isStopping) await deps.sleep(deps.pollIntervalSeconds * 1000, pause.signal)
    }
  }

  /** True when as many were due as could be taken. */
  async function claimDue(): Promise<boolean> {
    const { types, least } = slots.free()
    if (types.length === 0) return false
    // All of them may turn out to be of one type.
    const claimed = await claimChallenges(db, { owner, leaseSeconds, limit: least, types })
    for (const challenge of claimed) void attempt(challenge)
    return claimed.length === least
  }

  async function finishRunning(): Promise<void> {
    const finished = new AbortController()
    const allFinished = Promise.all(running).then(() => finished.abort())
    await deps.sleep(deps.stopGraceSeconds * 1000, finished.signal)
    validations.abort(new Error('the server is stopping'))
    await allFinished
  }

  return {
    owner,
    leaseSeconds,
    attempt,
    start() {
      polling ??= poll()
    },
    async stop() {
      isStopping = true
      pause.abort()
      await polling
      await finishRunning()
      await releaseChallenges(db, owner).catch((error: unknown) => {
        log.warn({ err: error }, 'leases could not be given back and will run out')
      })
    },
  }
}
