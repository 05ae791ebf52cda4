import type { Log } from '../../acme/ports.ts'
import { ApiServerUnreachable, KubernetesApiError } from './api-error.ts'
import type { KubernetesClient } from './client.ts'
import { DeadlineExceeded, withDeadline } from './deadline.ts'
import type { KubernetesEvent } from './objects.ts'
import { events } from './resources.ts'
import type { Timers } from './timers.ts'

/** Something to be written, as it is when its turn comes. */
export interface PendingEvent {
  current(): KubernetesEvent
}

/** Writes events one after another, in the background. */
export interface EventWriter {
  /** To be written as soon as it is its turn; once, however often it is asked before that. */
  write(event: PendingEvent): void
  /** Resolves when all that waits was tried once, or after a few seconds. */
  flush(): Promise<void>
  /** Gives up what is under way and whatever waits. */
  stop(): Promise<void>
}

const requestTimeoutMs = 5_000
const longestFlushMs = 5_000
const retryMs = 10_000
/** News that is a minute old is news no more. */
const mostAttempts = 6
const mostWaiting = 1_000
const complaintEveryMs = 60_000

/** Retries what an API server that is away or overloaded did not take. Nothing ever surfaces but in the log, at most once a minute. */
export function createEventWriter(options: {
  client: Pick<KubernetesClient, 'apply'>
  timers: Timers
  log: Log
}): EventWriter {
  const { client, timers, log } = options
  /** In their order, each with its failed attempts. */
  const waiting = new Map<PendingEvent, number>()
  const stopping = new AbortController()
  let writing: Promise<void> | undefined
  let cancelRetry: (() => void) | undefined
  let quietUntil = -Infinity
  let lost = 0

  /** Ends early at an API server that is away: the next one would meet the same. */
  async function writeAll(): Promise<void> {
    try {
      for (const [event, attempts] of waiting) {
        waiting.delete(event)
        if (!(await tryToWrite(event, attempts + 1))) return
      }
    } finally {
      // In the same turn as the last look, so that what comes next starts anew.
      writing = undefined
    }
  }

  /** False when it is not the time to write. */
  async function tryToWrite(event: PendingEvent, attempts: number): Promise<boolean> {
    const limits = { timers, ms: requestTimeoutMs, signal: stopping.signal, what: 'writing an event' }
    try {
      await withDeadline(limits, (signal) => client.apply(events, event.current(), { signal }))
      return true
    } catch (error) {
      if (stopping.signal.aborted) return false
      const mayPass = isPassing(error)
      if (!mayPass || attempts >= mostAttempts) lost += 1
      else if (!waiting.has(event)) waiting.set(event, attempts)
      complain(error)
      if (mayPass) retryLater()
      return !mayPass
    }
  }

  function retryLater(): void {
    cancelRetry = timers.after(retryMs, () => {
      cancelRetry = undefined
      start()
    })
  }

  function start(): void {
    if (writing !== undefined || waiting.size === 0 || stopping.signal.aborted) return
    writing = writeAll()
  }

  function complain(error: unknown): void {
    if (timers.now() < quietUntil) return
    quietUntil = timers.now() + complaintEveryMs
    log.warn({ err: error, count: lost }, 'an event could not be written')
  }

  return {
    write(event) {
      if (stopping.signal.aborted) return
      if (waiting.size >= mostWaiting && !waiting.has(event)) {
        lost += 1
        return
      }
      if (!waiting.has(event)) waiting.set(event, 0)
      if (cancelRetry === undefined) start()
    },
    async flush() {
      cancelRetry?.()
      cancelRetry = undefined
      // One that is under way may have begun before the last were added, but takes them along.
      start()
      if (writing === undefined) return
      const written = new AbortController()
      await Promise.race([
        writing.finally(() => written.abort()),
        timers.sleep(longestFlushMs, written.signal).catch(() => undefined),
      ])
    },
    async stop() {
      stopping.abort(new Error('the event recorder stops'))
      cancelRetry?.()
      waiting.clear()
      await writing
    },
  }
}

/** Whether it may go better later on. */
function isPassing(error: unknown): boolean {
  if (error instanceof KubernetesApiError) return error.status >= 500 || error.status === 429 || error.status === 409
  return error instanceof ApiServerUnreachable || error instanceof DeadlineExceeded
}
