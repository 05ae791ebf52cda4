import { isUnavailable } from '../../../store/errors.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import type { Resource } from '../../kubernetes/resources.ts'
import type { ReconcileResult } from '../../kubernetes/workers.ts'
import { failed } from '../conditions.ts'
import { valueAt } from './custom-object.ts'
import { conditionsOf } from './object-status.ts'
import type { ObjectStatuses } from './object-status.ts'

const away = failed('Synced', 'DatabaseUnavailable', 'the database does not answer; this is tried again until it does')

/** Runs a reconcile, and lets the object say so while the database does not answer. Throws what the reconcile throws. */
export async function whileAway(
  { statuses }: { readonly statuses: ObjectStatuses },
  resource: Resource<CustomResource>,
  object: Stored<CustomResource>,
  reconcile: () => Promise<ReconcileResult>,
): Promise<ReconcileResult> {
  try {
    return await reconcile()
  } catch (error) {
    if (isUnavailable(error)) await showAway(statuses, resource, object)
    throw error
  }
}

async function showAway(
  statuses: ObjectStatuses,
  resource: Resource<CustomResource>,
  object: Stored<CustomResource>,
): Promise<void> {
  // What is shown about an earlier spec says nothing about this one.
  const isPresent = valueAt(object.status, 'observedGeneration') === object.metadata.generation
  const others = (isPresent ? conditionsOf(object.status) : [])
    .filter(({ type }) => type !== 'Synced' && type !== 'Ready')
    .map(({ type, status, reason, message }) => ({ type, status, reason, message }))
  await statuses.publish(resource, object, {
    conditions: [...others, away, { ...away, type: 'Ready' }],
    details: detailsOf(object.status),
  })
}

function detailsOf(status: unknown): Record<string, unknown> {
  if (typeof status !== 'object' || status === null) return {}
  const {
    conditions: _conditions,
    observedGeneration: _generation,
    ...details
  }: Record<string, unknown> = { ...status }
  return details
}
