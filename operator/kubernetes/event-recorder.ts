import { randomBytes } from 'node:crypto'
import type { Log } from '../../acme/ports.ts'
import type { Clock } from '../clock.ts'
import type { KubernetesClient } from './client.ts'
import { createEventWriter } from './event-recorder-writer.ts'
import type { PendingEvent } from './event-recorder-writer.ts'
import { microTime } from './micro-time.ts'
import type { KubernetesEvent, KubernetesObject, ObjectReference } from './objects.ts'
import { apiVersionOf, events } from './resources.ts'
import type { Timers } from './timers.ts'

/** What happened to an object, for people to read with `kubectl describe`. */
export interface EventFacts {
  readonly regarding: KubernetesObject
  readonly type: 'Normal' | 'Warning'
  /** Why, as one word in CamelCase. */
  readonly reason: string
  /** What was done or attempted, as one word in CamelCase. */
  readonly action: string
  /** A sentence; cut at 1024 octets. */
  readonly note: string
}

export interface EventRecorder {
  /** Never throws and never waits. */
  record(event: EventFacts): void
  /** Tries to write what is held back or under way; resolves after some seconds at the latest. */
  flush(): Promise<void>
  /** Flushes, gives up the rest and records nothing more. */
  stop(): Promise<void>
}

/** One Event object: what happened once, or again and again. */
interface Series extends PendingEvent {
  count: number
  lastObserved: string
  lastSeenAt: number
  writtenAt: number
  cancelWrite: (() => void) | undefined
}

/** How many new Event objects an object may still have. */
interface Budget {
  tokens: number
  at: number
}

/** Longer ago than this is another story. */
const seriesMs = 6 * 60_000
const updateEveryMs = 30_000
const burst = 25
const refillMs = 5 * 60_000
const mostSeries = 2_000
/** What the API server takes, in octets. */
const longestNote = 1024
const longestWord = 128
const longestName = 253

/**
 * Records events.k8s.io/v1 Events. The same news of the same object becomes one Event with a count, written at most every
 * 30 seconds; an object that has ever other news gets 25 Events and then one every five minutes.
 */
export function createEventRecorder(options: {
  client: Pick<KubernetesClient, 'apply'>
  reportingController: string
  reportingInstance: string
  timers: Timers
  clock: Clock
  log: Log
}): EventRecorder {
  const { timers, clock, reportingController } = options
  const reportingInstance = cut(options.reportingInstance, longestWord)
  const log = options.log.child({ component: 'event-recorder' })
  const writer = createEventWriter({ client: options.client, timers, log })
  const running = new Map<string, Series>()
  const budgets = new Map<string, Budget>()
  let isStopped = false

  function record(facts: EventFacts): void {
    if (isStopped) return
    const { regarding, type, reason, action, note } = facts
    const key = JSON.stringify([identityOf(regarding), type, reason, action, note])
    const series = running.get(key)
    if (series !== undefined && !isOver(series)) {
      observeAgain(series)
      return
    }
    forgetWhatIsOver()
    if (running.size >= mostSeries || !spend(identityOf(regarding))) return
    const started = begin(facts)
    running.set(key, started)
    writeNow(started)
  }

  function begin({ regarding, type, reason, action, note }: EventFacts): Series {
    const namespace = regarding.metadata.namespace ?? 'default'
    const eventTime = microTime(clock.now())
    const event: KubernetesEvent = {
      apiVersion: apiVersionOf(events),
      kind: events.kind,
      metadata: { namespace, name: eventName(regarding.metadata.name) },
      eventTime,
      reportingController,
      reportingInstance,
      action: cut(action, longestWord),
      reason: cut(reason, longestWord),
      regarding: referenceTo(regarding),
      note: cut(note, longestNote),
      type,
    }
    const series: Series = {
      count: 1,
      lastObserved: eventTime,
      lastSeenAt: timers.now(),
      writtenAt: timers.now(),
      cancelWrite: undefined,
      current: () =>
        series.count === 1
          ? event
          : { ...event, series: { count: series.count, lastObservedTime: series.lastObserved } },
    }
    return series
  }

  function observeAgain(series: Series): void {
    series.count += 1
    series.lastObserved = microTime(clock.now())
    series.lastSeenAt = timers.now()
    const waitMs = series.writtenAt + updateEveryMs - timers.now()
    if (waitMs <= 0) writeNow(series)
    else series.cancelWrite ??= timers.after(waitMs, () => writeNow(series))
  }

  function writeNow(series: Series): void {
    series.cancelWrite?.()
    series.cancelWrite = undefined
    series.writtenAt = timers.now()
    writer.write(series)
  }

  function isOver(series: Series): boolean {
    return timers.now() - series.lastSeenAt > seriesMs
  }

  function forgetWhatIsOver(): void {
    for (const [key, series] of running) if (isOver(series)) running.delete(key)
    for (const [object, budget] of budgets) if (tokensOf(budget) >= burst) budgets.delete(object)
  }

  function tokensOf({ tokens, at }: Budget): number {
    return Math.min(burst, tokens + (timers.now() - at) / refillMs)
  }

  function spend(object: string): boolean {
    const tokens = tokensOf(budgets.get(object) ?? { tokens: burst, at: 0 })
    if (tokens < 1) return false
    budgets.set(object, { tokens: tokens - 1, at: timers.now() })
    return true
  }

  async function flush(): Promise<void> {
    for (const series of running.values()) if (series.cancelWrite !== undefined) writeNow(series)
    await writer.flush()
  }

  return {
    record,
    flush,
    async stop() {
      isStopped = true
      await flush()
      await writer.stop()
    },
  }
}

function identityOf({ kind, metadata }: KubernetesObject): string {
  return metadata.uid ?? `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

function referenceTo({ apiVersion, kind, metadata }: KubernetesObject): ObjectReference {
  const { namespace, name, uid } = metadata
  return { apiVersion, kind, name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) }
}

/** The object's name and something that no other event has; a name that is too long must not be cut behind a dot or a hyphen. */
function eventName(objectName: string): string {
  const suffix = `.${randomBytes(8).toString('hex')}`
  return cut(objectName, longestName - suffix.length).replace(/[-.]+$/, '') + suffix
}

/** At most so many octets of UTF-8, and no part of a character. */
function cut(text: string, octets: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= octets) return text
  return new TextDecoder().decode(bytes.subarray(0, octets), { stream: true })
}
