import { setImmediate as turn } from 'node:timers/promises'
import { sleepWith } from '../kubernetes/timers.ts'
import type { Timers } from '../kubernetes/timers.ts'

/** Time that passes only when the test says so. */
export interface FakeTimers extends Timers {
  /** Lets so many milliseconds pass: runs what falls due in order, and lets promises settle before and after each. */
  advance(ms: number): Promise<void>
  /**
   * Waits in real time, without any of ours passing, until this holds: for what hangs on a socket or a database.
   * Throws with `what` when it doesn't come true within half a minute.
   */
  until(condition: () => boolean, what: string): Promise<void>
  /** How many timers wait. */
  readonly pending: number
}

interface Waiting {
  readonly due: number
  readonly call: () => void
}

const longestRealWaitMs = 30_000

/** Timers for tests; they start at zero. */
export function fakeTimers(): FakeTimers {
  let now = 0
  const waiting = new Set<Waiting>()

  function after(ms: number, call: () => void): () => void {
    const timer = { due: now + Math.max(0, ms), call }
    waiting.add(timer)
    return () => waiting.delete(timer)
  }

  /** The earliest; of equals the one that was set first. */
  function nextDue(until: number): Waiting | undefined {
    return [...waiting].filter((timer) => timer.due <= until).toSorted((a, b) => a.due - b.due)[0]
  }

  return {
    now: () => now,
    after,
    sleep: (ms, signal) => sleepWith(after, ms, signal),
    async advance(ms) {
      const end = now + ms
      await settle()
      for (let timer = nextDue(end); timer !== undefined; timer = nextDue(end)) {
        now = timer.due
        waiting.delete(timer)
        timer.call()
        await settle()
      }
      now = end
    },
    async until(condition, what) {
      const giveUpAt = performance.now() + longestRealWaitMs
      while (!condition()) {
        if (performance.now() > giveUpAt) throw new Error(`never came true: ${what}`)
        await turn()
      }
    },
    get pending() {
      return waiting.size
    },
  }
}

/** Every promise that can settle without a socket does so within a turn; a second one is for those who wait for a turn themselves. */
async function settle(): Promise<void> {
  await turn()
  await turn()
}
