import type { Log } from '../../acme/ports.ts'
import { ApiServerUnreachable, isGone, isNotFound, KubernetesApiError } from './api-error.ts'
import { createBackoff } from './backoff.ts'
import type { KubernetesClient } from './client.ts'
import { reasonOf } from './client-transport.ts'
import { DeadlineExceeded, withDeadline } from './deadline.ts'
import { createObjectCache } from './informer-cache.ts'
import { listAll } from './informer-list.ts'
import { causeOf, createTroubleLog } from './informer-trouble.ts'
import type { WatchRestartCause } from './informer-trouble.ts'
import type { KubernetesObject, ObjectRef, Stored } from './objects.ts'
import type { Resource } from './resources.ts'
import type { Timers } from './timers.ts'
import type { WatchEvent } from './watch-stream.ts'

/** A copy of all objects of a kind, kept up to date by a watch. */
export interface Informer<T extends KubernetesObject> {
  /** Whether everything has been listed once. What it then holds may be old, but is never partial. */
  readonly synced: boolean
  /** Resolves when synced; rejects with the signal's reason, and when the informer is stopped before. */
  whenSynced(signal: AbortSignal): Promise<void>
  get(namespace: string | undefined, name: string): Stored<T> | undefined
  list(): readonly Stored<T>[]
  /** Once; whatever follows does nothing. */
  start(): void
  /** Resolves when nothing is under way any more; `onChange` isn't called afterwards. */
  stop(): Promise<void>
  /** Seconds since the API server last said anything on the watch or answered a list; since the start before that. */
  lastHeardSeconds(): number
}

/** Told of every change. The object is undefined when it is gone. What it throws is logged and forgotten. */
export type OnChange<T extends KubernetesObject> = (ref: ObjectRef, object: Stored<T> | undefined) => void

export interface InformerOptions<T extends KubernetesObject> {
  readonly client: Pick<KubernetesClient, 'list' | 'watch'>
  readonly resource: Resource<T>
  /** Absent: all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly onChange: OnChange<T>
  readonly timers: Timers
  readonly log: Log
  readonly random?: () => number
  readonly metrics?: { watchRestart(kind: string, cause: WatchRestartCause): void }
  /** What of an object is worth its memory. `managedFields` are dropped in any case. */
  readonly trim?: (object: Stored<T>) => Stored<T>
}

const firstPauseMs = 1000
const longestPauseMs = 30_000
const longestPauseNotInstalledMs = 60_000
const longestRetryAfterSeconds = 300
const relistMs = 600_000
/** When the relist itself fails, the watch goes on and the relist waits for so long. */
const relistAgainMs = 60_000
const shortestWatchSeconds = 300
const longestWatchSeconds = 600
/** A watch that lived for so long, or told anything, was a good one: the next failure is a first one. */
const goodWatchMs = 10_000
/** One that ends sooner has failed, in however good order: begun again at once, it would be begun without end. */
const shortestGoodWatchMs = 1000

/**
 * Lists a kind in pages, watches it from there, and lists again every ten minutes and when the API server has forgotten
 * the version; differences that a list finds are reported as changes. Every failure is retried after a growing pause,
 * with the watch going on where it stopped. The same resourceVersion is no change. One request is under way at a time.
 */
export function createInformer<T extends KubernetesObject>(options: InformerOptions<T>): Informer<T> {
  const { client, resource, namespace, labelSelector, onChange, timers, metrics } = options
  const random = options.random ?? Math.random
  const log = options.log.child({ kind: resource.kind, ...(namespace === undefined ? {} : { namespace }) })
  const cache = createObjectCache<T>(options.trim)
  const stopped = new AbortController()
  const backoff = createBackoff({ firstMs: firstPauseMs, longestMs: longestPauseMs, random })
  const slowBackoff = createBackoff({ firstMs: firstPauseMs, longestMs: longestPauseNotInstalledMs, random })
  const trouble = createTroubleLog(log, timers)
  const waiting = new Set<() => void>()
  let running: Promise<void> | undefined
  let synced = false
  let lastHeardAt = timers.now()
  /** From where a watch can go on; undefined: only a list can tell. */
  let version: string | undefined
  let relistAt = 0
  let goneInRow = 0

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        if (version === undefined || timers.now() >= relistAt) version = await relist()
        await watch(version)
      } catch (error) {
        if (!stopped.signal.aborted) await recover(error)
      }
    }
  }

  function heard(): void {
    lastHeardAt = timers.now()
  }

  /** Answers the version of the list. */
  async function relist(): Promise<string> {
    const listed = await listAll(client, resource, {
      namespace,
      labelSelector,
      signal: stopped.signal,
      onPage: heard,
      keep: (object) => cache.keep(object),
    })
    const changed = cache.replace(listed.items)
    relistAt = timers.now() + relistMs * (0.9 + 0.2 * random())
    trouble.isOver()
    slowBackoff.reset()
    synced = true
    for (const resolve of waiting) resolve()
    for (const ref of changed) tell(ref)
    return listed.resourceVersion
  }

  /** Until the API server ends the watch or a relist is due. Throws everything else. */
  async function watch(from: string): Promise<void> {
    const beganAt = timers.now()
    try {
      const relistDue = { timers, ms: relistAt - beganAt, signal: stopped.signal, what: 'the time between two lists' }
      await withDeadline(relistDue, (signal) => follow(from, signal))
      metrics?.watchRestart(resource.kind, 'ended')
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error
      metrics?.watchRestart(resource.kind, 'relist')
    } finally {
      if (timers.now() - beganAt >= goodWatchMs) {
        isGood()
        goneInRow = 0
      }
    }
  }

  async function follow(from: string, signal: AbortSignal): Promise<void> {
    const beganAt = timers.now()
    const timeoutSeconds = Math.round(shortestWatchSeconds + random() * (longestWatchSeconds - shortestWatchSeconds))
    const watched = { namespace, labelSelector, resourceVersion: from, timeoutSeconds, signal, onHeard: heard }
    let told = 0
    for await (const event of client.watch(resource, watched)) {
      told += 1
      if (told === 1) isGood()
      take(event)
    }
    if (timers.now() - beganAt < shortestGoodWatchMs) {
      throw new ApiServerUnreachable('the watch ended as soon as it had begun')
    }
  }

  function isGood(): void {
    trouble.isOver()
    backoff.reset()
  }

  function take(event: WatchEvent<T>): void {
    version = event.object.metadata.resourceVersion
    if (event.type === 'BOOKMARK') return
    const ref = event.type === 'DELETED' ? cache.remove(event.object) : cache.put(event.object)
    if (ref !== undefined) tell(ref)
  }

  function tell(ref: ObjectRef): void {
    if (stopped.signal.aborted) return
    try {
      onChange(ref, cache.get(ref.namespace, ref.name))
    } catch (error) {
      log.error({ err: error, object: `${ref.namespace ?? ''}/${ref.name}` }, 'a change could not be handled')
    }
  }

  async function recover(error: unknown): Promise<void> {
    metrics?.watchRestart(resource.kind, causeOf(error))
    if (timers.now() >= relistAt) relistAt = timers.now() + relistAgainMs
    if (isGone(error)) {
      version = undefined
      goneInRow += 1
      // Being behind is nobody's fault. An API server that says so of what it has just listed is another matter.
      if (goneInRow === 1) return
    }
    const pauseMs = pauseAfter(error)
    trouble.tell(error, pauseMs / 1000)
    await timers.sleep(pauseMs, stopped.signal).catch(() => undefined)
  }

  function pauseAfter(error: unknown): number {
    if (isNotFound(error)) return slowBackoff.next()
    const retryAfterSeconds = error instanceof KubernetesApiError ? (error.retryAfterSeconds ?? 0) : 0
    return Math.max(backoff.next(), Math.min(retryAfterSeconds, longestRetryAfterSeconds) * 1000)
  }

  return {
    get synced() {
      return synced
    },
    whenSynced: (signal) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void) => (): void => {
          signal.removeEventListener('abort', onAbort)
          stopped.signal.removeEventListener('abort', onAbort)
          waiting.delete(onSynced)
          settle()
        }
        const onSynced = end(resolve)
        const onAbort = end(() => reject(reasonOf(signal.aborted ? signal : stopped.signal)))
        if (synced) return resolve()
        if (signal.aborted || stopped.signal.aborted) return onAbort()
        waiting.add(onSynced)
        signal.addEventListener('abort', onAbort, { once: true })
        stopped.signal.addEventListener('abort', onAbort, { once: true })
      }),
    get: (inNamespace, name) => cache.get(inNamespace, name),
    list: () => cache.list(),
    start() {
      if (running !== undefined || stopped.signal.aborted) return
      lastHeardAt = timers.now()
      running = run()
    },
    async stop() {
      stopped.abort(new Error(`the informer of ${resource.kind} was stopped`))
      await running
    },
    lastHeardSeconds: () => (timers.now() - lastHeardAt) / 1000,
  }
}
