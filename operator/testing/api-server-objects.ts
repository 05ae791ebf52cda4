import { applyConfiguration, isJsonObject, textOf } from './api-server-apply.ts'
import type { JsonObject, ManagedFields } from './api-server-apply.ts'
import {
  identityOf,
  inSubresource,
  isEmptyList,
  mergePatch,
  onlySubresource,
  parseJson,
  parseObject,
  placed,
  withoutMember,
} from './api-server-bodies.ts'
import { groupResource, keyOf, writer } from './api-server-call.ts'
import type { Call } from './api-server-call.ts'
import { conflict, invalid, missingNamespace, notFound, Refusal } from './api-server-refusals.ts'
import { validate } from './api-server-rules.ts'
import { managersAfterUpdate, metaOf } from './api-server-store.ts'
import type { Entry, ObjectStore } from './api-server-store.ts'

/** The verbs on single objects. Everything throws a Refusal. */
export interface Objects {
  existing(call: Call): Entry
  create(call: Call): JsonObject
  replace(call: Call): JsonObject
  /** Server-side apply or a merge patch. */
  patch(call: Call): { status: number; object: JsonObject }
  remove(call: Call): JsonObject
}

/** Over one store. */
export function createObjects(store: ObjectStore): Objects {
  function existing(call: Call): Entry {
    const entry = store.get(keyOf(call))
    if (entry === undefined) throw notFound(call)
    return entry
  }

  function create(call: Call): JsonObject {
    const object = parseObject(call)
    const name = metaOf(object)['name']
    if (typeof name !== 'string' || name === '') {
      throw invalid(call, 'metadata.name: Required value: name or generateName is required')
    }
    const named = { ...call, name }
    if (call.kind.namespaced && call.namespace === undefined) return missingNamespace(call)
    if (metaOf(object)['resourceVersion'] !== undefined) {
      throw new Refusal(500, '', 'resourceVersion should not be set on objects to be created')
    }
    if (store.get(keyOf(named)) !== undefined) {
      const message = `${groupResource(call)} "${name}" already exists`
      throw new Refusal(409, 'AlreadyExists', message, { name, group: call.kind.group, kind: call.kind.plural })
    }
    const complete = placed(named, call.kind.hasStatus ? withoutMember(object, 'status') : object)
    validate(named, complete)
    return store.write(keyOf(named), {
      object: complete,
      managers: managersAfterUpdate(undefined, complete, writer(call)),
    })
  }

  function replace(call: Call): JsonObject {
    const entry = existing(call)
    const object = parseObject(call)
    const meta = metaOf(object)
    const current = metaOf(entry.object)
    if (meta['name'] !== call.name) {
      throw new Refusal(
        400,
        'BadRequest',
        `the name of the object (${textOf(meta['name'])}) does not match the name on the URL (${call.name})`,
      )
    }
    if (meta['resourceVersion'] === undefined && !['secrets', 'configmaps', 'events'].includes(call.kind.plural)) {
      throw invalid(call, 'metadata.resourceVersion: Invalid value: 0: must be specified for an update')
    }
    if (meta['resourceVersion'] !== undefined && meta['resourceVersion'] !== current['resourceVersion'])
      throw conflict(call)
    if (meta['uid'] !== undefined && meta['uid'] !== current['uid']) throw conflict(call)
    const wanted = inSubresource(call, entry.object, object)
    return commit(call, entry, wanted, managersAfterUpdate(entry, wanted, writer(call)))
  }

  function patch(call: Call): { status: number; object: JsonObject } {
    const entry = store.get(keyOf(call))
    if (call.contentType.startsWith('application/apply-patch+yaml')) return apply(call, entry)
    if (!call.contentType.startsWith('application/merge-patch+json')) {
      throw new Refusal(
        415,
        'UnsupportedMediaType',
        `the body of the request was in an unknown format: ${call.contentType}`,
      )
    }
    if (entry === undefined) throw notFound(call)
    const merged = mergePatch(entry.object, parseJson(call)) as JsonObject
    const wanted = inSubresource(call, entry.object, merged)
    return { status: 200, object: commit(call, entry, wanted, managersAfterUpdate(entry, wanted, writer(call))) }
  }

  function apply(call: Call, entry: Entry | undefined): { status: number; object: JsonObject } {
    const configuration = parseObject(call)
    const manager = call.query.get('fieldManager')
    if (manager === null)
      throw new Refusal(
        422,
        'Invalid',
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      )
    if ('managedFields' in metaOf(configuration)) {
      throw new Refusal(400, 'BadRequest', 'metadata.managedFields must be nil')
    }
    if (entry === undefined && call.subresource !== '') throw notFound(call)
    const expected = metaOf(configuration)['resourceVersion']
    const known = entry === undefined ? undefined : metaOf(entry.object)['resourceVersion']
    if (expected !== undefined && expected !== known) throw conflict(call)
    const relevant = onlySubresource(call, configuration)
    const current = {
      object: entry?.object ?? placed(call, identityOf(configuration)),
      managers: entry?.managers ?? [],
    }
    const force = call.query.get('force') === 'true'
    const applied = applyConfiguration(current, {
      configuration: relevant,
      manager,
      subresource: call.subresource,
      force,
    })
    if (applied.conflicts !== undefined) {
      const [first] = applied.conflicts
      const message = `Apply failed with ${applied.conflicts.length} conflict: conflict with "${first?.manager ?? ''}"`
      const causes = applied.conflicts.map(({ path }) => ({ reason: 'FieldManagerConflict', message, field: path }))
      throw new Refusal(409, 'Conflict', message, { causes })
    }
    if (entry !== undefined) return { status: 200, object: commit(call, entry, applied.object, applied.managers) }
    validate(call, applied.object)
    return { status: 201, object: store.write(keyOf(call), applied) }
  }

  /** Stores what an update or a patch made of an object; one that is being deleted goes with its last finalizer. */
  function commit(call: Call, entry: Entry, object: JsonObject, managers: readonly ManagedFields[]): JsonObject {
    validate(call, object, entry.object)
    const before = metaOf(entry.object)
    const fixed = {
      ...object,
      metadata: {
        ...metaOf(object),
        ...(before['deletionTimestamp'] === undefined ? {} : { deletionTimestamp: before['deletionTimestamp'] }),
      },
    }
    const stored = store.write(keyOf(call), { object: fixed, managers })
    const { deletionTimestamp, finalizers } = metaOf(stored)
    if (deletionTimestamp !== undefined && isEmptyList(finalizers)) store.remove(keyOf(call))
    return stored
  }

  function remove(call: Call): JsonObject {
    const entry = existing(call)
    const options = call.body === '' ? {} : parseJson(call)
    const preconditions = isJsonObject(options) ? options['preconditions'] : undefined
    const meta = metaOf(entry.object)
    for (const field of ['uid', 'resourceVersion']) {
      const expected = isJsonObject(preconditions) ? preconditions[field] : undefined
      if (expected !== undefined && expected !== meta[field]) {
        const message = `Operation cannot be fulfilled on ${groupResource(call)} "${call.name ?? ''}": the ${field} in the precondition does not match`
        throw new Refusal(409, 'Conflict', message)
      }
    }
    if (isEmptyList(meta['finalizers'])) {
      store.remove(keyOf(call))
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' }
    }
    if (meta['deletionTimestamp'] !== undefined) return entry.object
    const deleting = { ...entry.object, metadata: { ...meta, deletionTimestamp: meta['creationTimestamp'] ?? null } }
    return store.write(keyOf(call), { object: deleting, managers: entry.managers })
  }

  return { existing, create, replace, patch, remove }
}
