import { setTimeout as sleep } from 'node:timers/promises'

/** What is waited for, and how long at most. */
export interface Wait {
  readonly what: string
  readonly seconds: number
  readonly signal?: AbortSignal
  /** Between one look and the next; 100 unless given, more where a look is much work. */
  readonly pollMilliseconds?: number
}

/** What was waited for did not come in time. */
export class WaitedInVain extends Error {}

/**
 * Asks again and again until the answer is something. A probe that throws is asked again too; when the time is over,
 * what it threw last is the cause.
 */
export async function until<T>(
  { what, seconds, signal, pollMilliseconds = 100 }: Wait,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000
  let cause: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const found = await probe()
      if (found !== undefined) return found
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() > deadline) throw new WaitedInVain(`waited ${seconds} s for ${what}`, { cause })
    await sleep(pollMilliseconds, undefined, signal === undefined ? {} : { signal })
  }
}
