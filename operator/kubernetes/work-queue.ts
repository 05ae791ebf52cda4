import type { Timers } from './timers.ts'

/**
 * Keys of objects that want to be looked at, as in client-go's workqueue: a key waits at most once however often it is
 * added, and is never handed out again before `done`, so that nobody works on the same object twice at once. A key that
 * is added in the meantime comes again afterwards.
 */
export interface WorkQueue {
  /** Does nothing for a key that waits already, nor after `shutDown`. */
  add(key: string): void
  /** Adds when so many seconds have passed. Of several delays of a key the one that ends first counts. */
  addAfter(key: string, seconds: number): void
  /** Adds after a pause that doubles with every call until `forget`. */
  addRateLimited(key: string): void
  /** The next pause of this key is the first one again. */
  forget(key: string): void
  /** How often `addRateLimited` was called since the last `forget`. */
  retries(key: string): number
  /** The key that has waited longest, now or when there is one; undefined after `shutDown` when none waits, and once the signal aborts. */
  next(signal: AbortSignal): Promise<string | undefined>
  /** Says that the work on a key that `next` gave has ended, well or not. */
  done(key: string): void
  /** Takes no more keys and drops the delayed ones. Those that wait are still handed out. */
  shutDown(): void
  /** How many keys wait; neither those in work nor the delayed ones. */
  readonly depth: number
}

interface Delayed {
  readonly due: number
  readonly cancel: () => void
}

/** A queue with nothing in it. `random` gives numbers from 0 up to 1 and shortens pauses by up to a fifth, so that keys that failed together don't come back together. */
export function createWorkQueue(options: {
  timers: Timers
  firstBackoffSeconds?: number
  longestBackoffSeconds?: number
  random?: () => number
}): WorkQueue {
  const { timers, firstBackoffSeconds = 1, longestBackoffSeconds = 300, random = Math.random } = options
  /** In the order of their arrival. Disjoint from `processing`. */
  const waiting = new Set<string>()
  const processing = new Set<string>()
  /** A subset of `processing`: what was added since the work on it began. */
  const again = new Set<string>()
  const delayed = new Map<string, Delayed>()
  const failures = new Map<string, number>()
  const takers = new Set<(key: string | undefined) => void>()
  let isShutDown = false

  function add(key: string): void {
    if (isShutDown) return
    if (processing.has(key)) {
      again.add(key)
      return
    }
    waiting.add(key)
    serveTakers()
  }

  function serveTakers(): void {
    for (const taker of takers) {
      const key = take()
      if (key === undefined && !isShutDown) return
      takers.delete(taker)
      taker(key)
    }
  }

  function take(): string | undefined {
    for (const key of waiting) {
      waiting.delete(key)
      processing.add(key)
      return key
    }
    return undefined
  }

  function addAfter(key: string, seconds: number): void {
    if (isShutDown) return
    if (!(seconds > 0)) {
      add(key)
      return
    }
    const due = timers.now() + seconds * 1000
    const earlier = delayed.get(key)
    if (earlier !== undefined && earlier.due <= due) return
    earlier?.cancel()
    const cancel = timers.after(seconds * 1000, () => {
      delayed.delete(key)
      add(key)
    })
    delayed.set(key, { due, cancel })
  }

  function addRateLimited(key: string): void {
    if (isShutDown) return
    const failed = failures.get(key) ?? 0
    failures.set(key, failed + 1)
    const seconds = Math.min(firstBackoffSeconds * 2 ** failed, longestBackoffSeconds)
    addAfter(key, seconds * (1 - random() / 5))
  }

  return {
    add,
    addAfter,
    addRateLimited,
    forget: (key) => void failures.delete(key),
    retries: (key) => failures.get(key) ?? 0,
    async next(signal) {
      if (signal.aborted) return undefined
      const key = take()
      if (key !== undefined || isShutDown) return key
      return await new Promise((resolve) => {
        const onAbort = (): void => {
          takers.delete(taker)
          resolve(undefined)
        }
        const taker = (taken: string | undefined): void => {
          signal.removeEventListener('abort', onAbort)
          resolve(taken)
        }
        takers.add(taker)
        signal.addEventListener('abort', onAbort, { once: true })
      })
    },
    done(key) {
      processing.delete(key)
      if (!again.delete(key)) return
      // Not `add`, which refuses after the end: this key came before it.
      waiting.add(key)
      serveTakers()
    },
    shutDown() {
      isShutDown = true
      for (const { cancel } of delayed.values()) cancel()
      delayed.clear()
      serveTakers()
    },
    get depth() {
      return waiting.size
    },
  }
}
