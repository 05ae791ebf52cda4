import { randomUUID } from 'node:crypto'
import { isJsonObject, ownedAfterUpdate, shownManagedFields, textOf } from './api-server-apply.ts'
import type { Json, JsonObject, ManagedFields } from './api-server-apply.ts'

/** An object as it is kept: its own fields, and who owns them. */
export interface Entry {
  readonly object: JsonObject
  readonly managers: readonly ManagedFields[]
}

/** A change. */
export interface StoredEvent {
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** As it is now, or was last, with this event's version. */
  readonly object: JsonObject
  /** As it was before, for watches with a selector. */
  readonly before?: JsonObject
}

/** What etcd is to an API server: objects by key, one version counter, and the changes since the last compaction. */
export interface ObjectStore {
  readonly version: number
  /** Versions before this one are forgotten. */
  readonly oldestVersion: number
  get(key: string): Entry | undefined
  /** Those whose key begins so, by key. */
  list(prefix: string): readonly JsonObject[]
  /** Stores an object that is changed, or new, and answers it with its version; the same object when nothing changed. */
  write(key: string, entry: Entry): JsonObject
  remove(key: string): JsonObject | undefined
  eventsSince(prefix: string, version: number): readonly StoredEvent[]
  compact(): void
  /** Calls after every change; the answer ends it. */
  subscribe(call: () => void): () => void
}

/** The metadata, empty where there is none. */
export function metaOf(object: JsonObject): JsonObject {
  const { metadata } = object
  return isJsonObject(metadata) ? metadata : {}
}

/** Empty. `now` gives creationTimestamps. */
export function createObjectStore(now: () => Date): ObjectStore {
  const entries = new Map<string, Entry>()
  const log: (StoredEvent & { readonly key: string })[] = []
  const subscribers = new Set<() => void>()
  let version = 1000
  let oldestVersion = version

  function record(event: Omit<StoredEvent, 'version'>, key: string): void {
    log.push({ ...event, version, key })
    for (const call of subscribers) call()
  }

  return {
    get version() {
      return version
    },
    get oldestVersion() {
      return oldestVersion
    },
    get: (key) => entries.get(key),
    list: (prefix) =>
      [...entries]
        .filter(([key]) => key.startsWith(prefix))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, entry]) => entry.object),
    write(key, { object, managers }) {
      const known = entries.get(key)
      const before = known?.object
      const isOwnedAlike = isSame(asJson(known?.managers ?? []), asJson(managers))
      if (before !== undefined && isOwnedAlike && isUnchanged(before, object)) return before
      version += 1
      const stored = {
        ...object,
        metadata: {
          ...metaOf(object),
          ...identity(before, object, now),
          resourceVersion: String(version),
          managedFields: shownManagedFields(managers, textOf(object['apiVersion'])),
        },
      }
      entries.set(key, { object: stored, managers })
      record({ type: before === undefined ? 'ADDED' : 'MODIFIED', object: stored, ...(before && { before }) }, key)
      return stored
    },
    remove(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      version += 1
      entries.delete(key)
      const last = { ...entry.object, metadata: { ...metaOf(entry.object), resourceVersion: String(version) } }
      record({ type: 'DELETED', object: last, before: entry.object }, key)
      return last
    },
    eventsSince: (prefix, since) => log.filter((event) => event.version > since && event.key.startsWith(prefix)),
    compact() {
      // Another write, so that whoever has seen everything until now is behind as well.
      version += 1
      oldestVersion = version
      log.length = 0
    },
    subscribe(call) {
      subscribers.add(call)
      return () => subscribers.delete(call)
    },
  }
}

/** The fields of the metadata that no client decides. The generation counts changes of anything but metadata and status. */
function identity(before: JsonObject | undefined, object: JsonObject, now: () => Date): JsonObject {
  if (before === undefined) {
    return { uid: randomUUID(), generation: 1, creationTimestamp: `${now().toISOString().slice(0, 19)}Z` }
  }
  const meta = metaOf(before)
  const generation = Number(meta['generation'] ?? 1)
  return {
    uid: meta['uid'] ?? null,
    creationTimestamp: meta['creationTimestamp'] ?? null,
    generation: isSame(desired(before), desired(object)) ? generation : generation + 1,
  }
}

function desired(object: JsonObject): JsonObject {
  const { metadata: _, status: __, ...rest } = object
  return rest
}

function isUnchanged(before: JsonObject, after: JsonObject): boolean {
  const strip = (object: JsonObject): JsonObject => {
    const { resourceVersion: _, managedFields: __, generation: ___, ...meta } = metaOf(object)
    return { ...object, metadata: meta }
  }
  const known = { uid: metaOf(before)['uid'] ?? null, creationTimestamp: metaOf(before)['creationTimestamp'] ?? null }
  return isSame(strip(before), strip({ ...after, metadata: { ...metaOf(after), ...known } }))
}

/** In an order that says nothing. */
function asJson(managers: readonly ManagedFields[]): Json {
  return managers
    .map((entry) => ({ ...entry, paths: [...entry.paths].toSorted() }))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Equal whatever the order of the members. */
export function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => sorted(item) ?? null)
  if (!isJsonObject(value)) return value
  const names = Object.keys(value).toSorted()
  return Object.fromEntries(names.map((name) => [name, sorted(value[name]) ?? null]))
}

/** The managers after a client replaced the object. */
export function managersAfterUpdate(
  entry: Entry | undefined,
  after: JsonObject,
  { manager, subresource }: { manager: string; subresource: string },
): readonly ManagedFields[] {
  return ownedAfterUpdate(entry?.managers ?? [], { before: entry?.object ?? {}, after, manager, subresource })
}
