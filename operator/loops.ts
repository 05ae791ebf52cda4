import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../acme/ports.ts'
import { isUnavailable } from '../store/errors.ts'

/** Work that is done again and again until it is stopped. */
export interface Loop {
  /** Does the work now rather than later. */
  wake(): void
  /** Resolves when what is under way has ended. */
  stop(): Promise<void>
}

const longestBackoffSeconds = 300
/** A database that comes back is to be used at once: orders may be waiting to be taken over. */
const longestWaitForDatabaseSeconds = 5

/**
 * Does `work` every so often, never twice at once. A failure is logged and tried again after a growing pause; the
 * first run comes after the first interval unless it is woken.
 */
export function startLoop(options: {
  name: string
  intervalSeconds: number
  log: Log
  work: () => Promise<unknown>
}): Loop {
  const { name, intervalSeconds, log, work } = options
  const stopped = new AbortController()
  let waking = new AbortController()
  let failures = 0
  let nextSeconds = intervalSeconds

  async function runUntilStopped(): Promise<void> {
    while (!stopped.signal.aborted) {
      await pause(nextSeconds)
      if (stopped.signal.aborted) return
      await runOnce()
    }
  }

  async function runOnce(): Promise<void> {
    try {
      await work()
      failures = 0
      nextSeconds = intervalSeconds
    } catch (error) {
      failures += 1
      const isAway = isUnavailable(error)
      nextSeconds = isAway
        ? Math.min(intervalSeconds, longestWaitForDatabaseSeconds)
        : Math.min(2 ** (failures - 1), longestBackoffSeconds)
      const words = isAway ? `${name} waits for the database` : `${name} failed and will be tried again`
      log.warn({ err: error, attempt: failures }, words)
    }
  }

  /** The jitter keeps processes that were started together from working in step. */
  async function pause(seconds: number): Promise<void> {
    const signal = AbortSignal.any([stopped.signal, waking.signal])
    const jitter = 0.9 + Math.random() * 0.2
    await sleep(seconds * 1000 * jitter, undefined, { signal, ref: false }).catch(() => undefined)
    waking = new AbortController()
  }

  const running = runUntilStopped()
  return {
    wake: () => waking.abort(),
    async stop() {
      stopped.abort()
      await running
    },
  }
}

/** Tries until the database is there, telling the log now and then. Throws what isn't the database's absence, and the signal's reason. */
export async function onceAvailable<T>(
  task: () => Promise<T>,
  { log, signal, what }: { log: Log; signal: AbortSignal; what: string },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await task()
    } catch (error) {
      if (!isUnavailable(error)) throw error
      const delaySeconds = Math.min(0.25 * 2 ** attempt, 10)
      log.warn({ err: error, attempt, delaySeconds }, `${what}: the database is not there yet; trying again`)
      await sleep(delaySeconds * 1000, undefined, { signal })
    }
  }
}
