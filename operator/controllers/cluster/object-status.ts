import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../clock.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { EventRecorder } from '../../kubernetes/event-recorder.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import type { Resource } from '../../kubernetes/resources.ts'
import { dated } from '../conditions.ts'
import type { Condition, DatedCondition } from '../conditions.ts'
import { objectKey, valueAt } from './custom-object.ts'

/** What a reconcile came to, before it is dated. */
export interface ObjectReport {
  readonly conditions: readonly Condition[]
  /** The kind's own part of the status: JSON, absent members left out. */
  readonly details: Readonly<Record<string, unknown>>
}

/** Writes statuses, and an event where a condition flips. */
export interface ObjectStatuses {
  /** Writes only what differs from what the object shows. An object that is gone meanwhile is none of our business. */
  publish(resource: Resource<CustomResource>, object: Stored<CustomResource>, report: ObjectReport): Promise<void>
  /** Of an object that is gone nothing is remembered. */
  forget(kind: string, key: string): void
}

export interface ObjectStatusDeps {
  readonly client: KubernetesClient
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly onWrite?: (kind: string) => void
}

/** Longer than anybody reads, and far below what the field takes: else the whole status would be refused. */
const longestMessage = 4096

/** What we wrote last, for as long as the cache still shows the version before it. */
interface Written {
  readonly uid: string
  readonly over: string
  readonly status: unknown
}

export function createObjectStatuses({ client, events, clock, onWrite }: ObjectStatusDeps): ObjectStatuses {
  const written = new Map<string, Written>()

  function shownStatus({ kind, metadata, status }: Stored<CustomResource>): unknown {
    const key = `${kind} ${objectKey(metadata)}`
    const last = written.get(key)
    if (last?.uid === metadata.uid && last.over === metadata.resourceVersion) return last.status
    written.delete(key)
    return status
  }

  return {
    async publish(resource, object, report) {
      const { metadata } = object
      const shown = shownStatus(object)
      const before = conditionsOf(shown)
      const observedGeneration = metadata.generation ?? 0
      const conditions = report.conditions.map((condition) =>
        dated({ ...condition, message: cut(condition.message), observedGeneration }, before, clock.now()),
      )
      const status = { observedGeneration, ...report.details, conditions }
      if (isDeepStrictEqual(inOrder(status), inOrder(shown))) return
      const { apiVersion, kind } = object
      const { name, namespace = '' } = metadata
      const applied = await client.apply(
        resource,
        { apiVersion, kind, metadata: { name, namespace }, status },
        { subresource: 'status' },
      )
      onWrite?.(resource.kind)
      if (applied === undefined) return
      const { uid, resourceVersion: over } = metadata
      written.set(`${kind} ${objectKey(metadata)}`, { uid, over, status })
      for (const condition of conditions) recordFlip(events, object, { condition, before })
    },
    forget: (kind, key) => void written.delete(`${kind} ${key}`),
  }
}

function cut(message: string): string {
  return message.length <= longestMessage ? message : `${message.slice(0, longestMessage - 1)}…`
}

/** A merge may leave conditions in another order than ours, which means nothing. */
function inOrder(status: unknown): unknown {
  if (typeof status !== 'object' || status === null) return status
  return { ...status, conditions: conditionsOf(status).toSorted((a, b) => a.type.localeCompare(b.type)) }
}

/** Ready and warnings are told from the beginning; that all else is as it should be is no news. */
function recordFlip(
  events: Pick<EventRecorder, 'record'>,
  regarding: CustomResource,
  { condition, before }: { condition: Condition; before: readonly DatedCondition[] },
): void {
  const { type, status, reason, message } = condition
  const former = before.find((one) => one.type === type)
  if (former?.status === status) return
  const isBad = status === 'False' || type === 'Warning'
  if (former === undefined && type !== 'Ready' && !isBad) return
  events.record({ regarding, type: isBad ? 'Warning' : 'Normal', reason, action: type, note: message })
}

/** The conditions that an object shows; whatever else stands in a status is passed over. */
export function conditionsOf(status: unknown): readonly DatedCondition[] {
  const conditions = valueAt(status, 'conditions')
  return Array.isArray(conditions) ? conditions.filter(isCondition) : []
}

const texts = ['type', 'status', 'reason', 'message', 'lastTransitionTime'] as const

function isCondition(value: unknown): value is DatedCondition {
  return texts.every((name) => typeof valueAt(value, name) === 'string')
}

/** Whether an object says of itself that it is ready, about its present spec. */
export function isReady({ metadata, status }: CustomResource): boolean {
  const ready = conditionsOf(status).find(({ type }) => type === 'Ready')
  return ready?.status === 'True' && valueAt(status, 'observedGeneration') === metadata.generation
}
