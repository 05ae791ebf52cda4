import type { Log } from '../../acme/ports.ts'
import { withDeadline } from './deadline.ts'
import type { Timers } from './timers.ts'
import type { WorkQueue } from './work-queue.ts'

/** What to do after a reconcile that went well. */
export interface ReconcileResult {
  /** When to look again though nothing changed. */
  readonly requeueAfterSeconds?: number
}

/** What the workers count. Calls never throw and never wait. */
export interface WorkerMetrics {
  reconcileSeconds(kind: string, seconds: number): void
}

export interface WorkersOptions {
  /** The kind of object, for the log and the metrics. */
  name: string
  /** Belongs to these workers from now on: it ends with them. */
  queue: WorkQueue
  /** How many keys may be in work at a time. */
  workers: number
  /** Makes the world match the object. The signal aborts when the time is up or the workers stop; it should end soon then, in whatever way. */
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult>
  log: Log
  timers: Timers
  timeoutSeconds?: number
  /** Whether somebody else wrote in between: tried again soon, and no failure. */
  isConflict?(error: unknown): boolean
  metrics?: WorkerMetrics
}

/** Long enough for the change of the other to have arrived on the watch. */
const conflictRetrySeconds = 0.5

/**
 * Reconciles the keys of a queue until stopped. A reconcile that throws is tried again after a growing pause, with a
 * warning. One that ignores its signal keeps its key and its worker until it ends: the same object is never worked on
 * twice at once. `stop` takes no further key, aborts what is under way and resolves when that has ended.
 */
export function startWorkers(options: WorkersOptions): { stop(): Promise<void> } {
  const { name, queue, timers, timeoutSeconds = 60, metrics } = options
  const log = options.log.child({ kind: name })
  const stopping = new AbortController()
  const limits = { timers, ms: timeoutSeconds * 1000, signal: stopping.signal, what: 'reconcile' }

  async function work(): Promise<void> {
    for (let key = await nextKey(); key !== undefined; key = await nextKey()) {
      await reconcileInTime(key)
      queue.done(key)
    }
  }

  async function nextKey(): Promise<string | undefined> {
    return stopping.signal.aborted ? undefined : await queue.next(stopping.signal)
  }

  async function reconcileInTime(key: string): Promise<void> {
    const began = timers.now()
    try {
      const result = await withDeadline(limits, (signal) => {
        signal.addEventListener('abort', () => warnWhenSlow(key))
        return options.reconcile(key, signal)
      })
      onSuccess(key, result)
    } catch (error) {
      onFailure(key, error)
    } finally {
      metrics?.reconcileSeconds(name, (timers.now() - began) / 1000)
    }
  }

  /** At once, for a reconcile that ignores its signal may never end. */
  function warnWhenSlow(key: string): void {
    if (stopping.signal.aborted) return
    log.warn({ object: key, seconds: timeoutSeconds }, 'reconcile takes too long and was told to end')
  }

  function onSuccess(key: string, result: ReconcileResult): void {
    queue.forget(key)
    if (result.requeueAfterSeconds !== undefined) queue.addAfter(key, result.requeueAfterSeconds)
  }

  function onFailure(key: string, error: unknown): void {
    if (stopping.signal.aborted) {
      log.info({ object: key, err: error }, 'reconcile was cut short: the workers stop')
    } else if (options.isConflict?.(error) === true) {
      queue.addAfter(key, conflictRetrySeconds)
    } else {
      queue.addRateLimited(key)
      log.warn({ object: key, err: error, attempt: queue.retries(key) }, 'reconcile failed and will be tried again')
    }
  }

  const working = Promise.all(Array.from({ length: options.workers }, work))
  return {
    async stop() {
      stopping.abort(new Error('the workers stop'))
      queue.shutDown()
      await working
    },
  }
}
