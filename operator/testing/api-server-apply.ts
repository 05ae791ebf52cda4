/*
 * Who owns which field, as server-side apply sees it: https://kubernetes.io/docs/reference/using-api/server-side-apply/
 * Lists are replaced as a whole but for those that have a key for each element.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
export type JsonObject = { readonly [name: string]: Json }

/** One manager's fields: the paths of the leaves it set, and of the empty objects. */
export interface ManagedFields {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly subresource: string
  readonly paths: ReadonlySet<string>
}

/** Lists whose elements are told apart by a field; all other lists are one value. */
const listKeys: Readonly<Record<string, string>> = { conditions: 'type', ownerReferences: 'uid' }

type Step = { readonly field: string } | { readonly key: string; readonly is: string }

/** A value that is text, or its JSON. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

/** Neither a list nor null. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function elementsByKey(name: string, value: Json): { key: string; elements: readonly JsonObject[] } | undefined {
  const key = listKeys[name]
  if (key === undefined || !Array.isArray(value)) return undefined
  const elements = (value as readonly Json[]).filter(isJsonObject)
  return elements.length === value.length && elements.every((element) => typeof element[key] === 'string')
    ? { key, elements }
    : undefined
}

/** Path -> value of every leaf, the path as JSON text of its steps. */
function leavesOf(value: JsonObject, at: readonly Step[] = []): Map<string, Json> {
  const leaves = new Map<string, Json>()
  for (const [name, member] of Object.entries(value)) {
    const steps = [...at, { field: name }]
    const list = elementsByKey(name, member)
    if (list !== undefined) {
      for (const element of list.elements) {
        const inside = [...steps, { key: list.key, is: textOf(element[list.key]) }]
        for (const [path, leaf] of leavesOf(element, inside)) leaves.set(path, leaf)
      }
    } else if (isJsonObject(member) && Object.keys(member).length > 0) {
      for (const [path, leaf] of leavesOf(member, steps)) leaves.set(path, leaf)
    } else leaves.set(JSON.stringify(steps), member)
  }
  return leaves
}

/** What belongs to nobody: the API server's own fields, and what says which object is meant. */
const unowned = new Set(['apiVersion', 'kind'])
const unownedMeta = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
]

function owned(object: JsonObject): JsonObject {
  const kept = Object.fromEntries(Object.entries(object).filter(([name]) => !unowned.has(name)))
  const { metadata } = kept
  if (!isJsonObject(metadata)) return kept
  const meta = Object.fromEntries(Object.entries(metadata).filter(([name]) => !unownedMeta.includes(name)))
  const { metadata: _, ...rest } = kept
  return Object.keys(meta).length > 0 ? { ...rest, metadata: meta } : rest
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** The managers after somebody wrote the whole object: what changed is the writer's now. */
export function ownedAfterUpdate(
  managers: readonly ManagedFields[],
  change: { before: JsonObject; after: JsonObject; manager: string; subresource: string },
): ManagedFields[] {
  const before = leavesOf(owned(change.before))
  const after = leavesOf(owned(change.after))
  const changed = new Set([...after].filter(([path, value]) => !same(before.get(path), value)).map(([path]) => path))
  const { manager, subresource } = change
  const mine = managers.find((entry) => isOf(entry, { manager, subresource, operation: 'Update' }))
  const others = managers.filter((entry) => entry !== mine)
  const paths = new Set([...(mine?.paths ?? []), ...changed].filter((path) => after.has(path)))
  return nonEmpty([
    ...others.map((entry) => without(entry, (path) => changed.has(path) || !after.has(path))),
    { manager, subresource, operation: 'Update', paths },
  ])
}

/** An applied object and its managers, or the fields that others own and that `force` would have taken over. */
export type Applied =
  | { readonly object: JsonObject; readonly managers: readonly ManagedFields[]; readonly conflicts?: undefined }
  | { readonly conflicts: readonly { readonly manager: string; readonly path: string }[] }

/** Merges a configuration into an object. What its manager applied before and leaves out now is removed, unless others own it too. */
export function applyConfiguration(
  current: { object: JsonObject; managers: readonly ManagedFields[] },
  request: { configuration: JsonObject; manager: string; subresource: string; force: boolean },
): Applied {
  const { manager, subresource } = request
  const wanted = leavesOf(owned(request.configuration))
  const present = leavesOf(owned(current.object))
  const mine = current.managers.find((entry) => isOf(entry, { manager, subresource, operation: 'Apply' }))
  const others = current.managers.filter((entry) => entry !== mine)

  const conflicts = others.flatMap((entry) =>
    [...entry.paths]
      .filter((path) => wanted.has(path) && !same(wanted.get(path), present.get(path)))
      .map((path) => ({ manager: entry.manager, path })),
  )
  if (conflicts.length > 0 && !request.force) return { conflicts }

  let object = current.object
  for (const path of mine?.paths ?? []) {
    if (!wanted.has(path) && !others.some((entry) => entry.paths.has(path))) {
      object = removeAt(object, stepsOf(path)) as JsonObject
    }
  }
  for (const [path, value] of wanted) object = setAt(object, stepsOf(path), value) as JsonObject
  const taken = new Set(conflicts.map(({ path }) => path))
  return {
    object,
    managers: nonEmpty([
      ...others.map((entry) => without(entry, (path) => taken.has(path))),
      { manager, subresource, operation: 'Apply', paths: new Set(wanted.keys()) },
    ]),
  }
}

/** As `metadata.managedFields` shows them; the paths in no form that anything reads, but of a like size. */
export function shownManagedFields(managers: readonly ManagedFields[], apiVersion: string): Json {
  return managers.map(({ manager, operation, subresource, paths }) => ({
    manager,
    operation,
    apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: Object.fromEntries([...paths].map((path) => [`f:${path}`, {}])),
    ...(subresource === '' ? {} : { subresource }),
  }))
}

function isOf(entry: ManagedFields, { manager, subresource, operation }: Omit<ManagedFields, 'paths'>): boolean {
  return entry.manager === manager && entry.subresource === subresource && entry.operation === operation
}

function without(entry: ManagedFields, isGone: (path: string) => boolean): ManagedFields {
  return { ...entry, paths: new Set([...entry.paths].filter((path) => !isGone(path))) }
}

function nonEmpty(managers: readonly ManagedFields[]): ManagedFields[] {
  return managers.filter(({ paths }) => paths.size > 0)
}

function stepsOf(path: string): readonly Step[] {
  return JSON.parse(path) as readonly Step[]
}

function setAt(target: Json | undefined, steps: readonly Step[], value: Json): Json {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if ('field' in step) {
    const object = isJsonObject(target) ? target : {}
    return { ...object, [step.field]: setAt(object[step.field], rest, value) }
  }
  const list = Array.isArray(target) ? (target as readonly Json[]) : []
  const index = list.findIndex((element) => isJsonObject(element) && element[step.key] === step.is)
  const element = setAt(index < 0 ? { [step.key]: step.is } : list[index], rest, value)
  return index < 0 ? [...list, element] : list.with(index, element)
}

/** An object or an element that loses its last field goes with it, as far as the applied configuration had made it. */
function removeAt(target: Json | undefined, steps: readonly Step[]): Json | undefined {
  const [step, ...rest] = steps
  if (step === undefined) return undefined
  if ('field' in step) {
    if (!isJsonObject(target)) return target
    const { [step.field]: member, ...others } = target
    const left = removeAt(member, rest)
    return isEmpty(left) ? others : { ...target, [step.field]: left ?? null }
  }
  if (!Array.isArray(target)) return target
  return (target as readonly Json[]).flatMap((element) => {
    if (!isJsonObject(element) || element[step.key] !== step.is) return [element]
    const left = removeAt(element, rest)
    return isEmpty(left) ? [] : [left ?? null]
  })
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
