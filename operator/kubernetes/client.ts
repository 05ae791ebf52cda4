import { ApiServerUnreachable, isNotFound } from './api-error.ts'
import { createTransport, membersOf } from './client-transport.ts'
import type { ApiCall } from './client-transport.ts'
import type { ClusterCredentials } from './credentials.ts'
import type { KubernetesObject, ObjectRef, Stored } from './objects.ts'
import { apiVersionOf, groupPath, resourcePath } from './resources.ts'
import type { Resource } from './resources.ts'
import type { Timers } from './timers.ts'
import { readWatchEvents } from './watch-stream.ts'
import type { WatchEvent } from './watch-stream.ts'

export type { WatchEvent } from './watch-stream.ts'

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  /** At most so many at once; the rest comes with `continueToken`. */
  readonly limit?: number | undefined
  readonly continueToken?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ListPage<T extends KubernetesObject> {
  readonly items: readonly Stored<T>[]
  /** From where a watch may go on. */
  readonly resourceVersion: string
  readonly continueToken?: string
}

export interface WatchOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly resourceVersion: string
  /** When the API server is to end the watch. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
  /** Throws ApiServerUnreachable when not a byte has come for so long. By default 90: bookmarks come every minute. */
  readonly silenceSeconds?: number | undefined
  /** Told of every sign of life: the beginning of the answer, and whatever bytes come. */
  readonly onHeard?: (() => void) | undefined
}

/**
 * The API server's verbs. Everything throws KubernetesApiError for an answer that is an error and ApiServerUnreachable
 * for none; a signal's reason is thrown as it is. Nothing is tried twice but a read that met a closed connection.
 */
export interface KubernetesClient {
  /** Undefined where there is no such object. */
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    signal?: AbortSignal,
  ): Promise<Stored<T> | undefined>
  /** One page. */
  list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions): Promise<ListPage<T>>
  /** Throws an error that `isAlreadyExists` knows where the name is taken. */
  create<T extends KubernetesObject>(resource: Resource<T>, object: T, signal?: AbortSignal): Promise<Stored<T>>
  /** Replaces the whole. The object's resourceVersion is the precondition: `isConflict` where it is not current. */
  update<T extends KubernetesObject>(resource: Resource<T>, object: T, signal?: AbortSignal): Promise<Stored<T>>
  /**
   * Server-side apply in our field manager's name: makes the object where it is missing, takes over fields of others
   * unless `force` is false. Undefined for the status of an object that isn't there.
   */
  apply<T extends KubernetesObject, Configuration extends KubernetesObject = KubernetesObject>(
    resource: Resource<T>,
    configuration: Configuration,
    options?: { readonly subresource?: 'status'; readonly force?: boolean; readonly signal?: AbortSignal },
  ): Promise<Stored<T> | undefined>
  /** False where there is no such object. With a uid, throws what `isConflict` knows where another has the name now. */
  delete(
    resource: Resource<KubernetesObject>,
    ref: ObjectRef & { readonly uid?: string },
    signal?: AbortSignal,
  ): Promise<boolean>
  /**
   * Changes since a version, until the API server ends it or the signal aborts. An event of type ERROR is thrown as a
   * KubernetesApiError.
   */
  watch<T extends KubernetesObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>
  /** Whether the API server has this kind at all. */
  serves(resource: Resource<KubernetesObject>, signal?: AbortSignal): Promise<boolean>
  /** Ends idle connections; the client isn't used any more. */
  close(): void
}

export interface KubernetesClientOptions {
  readonly credentials: ClusterCredentials
  readonly timers: Timers
  /** Who owns the fields that are written; `certctl` by default. */
  readonly fieldManager?: string
  readonly userAgent?: string
  /** How long a whole answer, or the beginning of a watch, may take; by default 30 s. */
  readonly requestTimeoutMs?: number
}

const defaultSilenceSeconds = 90

export function createKubernetesClient(options: KubernetesClientOptions): KubernetesClient {
  const { credentials, timers, fieldManager = 'certctl', userAgent = 'certctl', requestTimeoutMs = 30_000 } = options
  const transport = createTransport({ credentials, timers, userAgent, requestTimeoutMs })

  async function whole<T extends KubernetesObject>(resource: Resource<T>, call: ApiCall): Promise<Stored<T>> {
    return storedObject(resource, await transport.call(call))
  }

  function written(method: 'POST' | 'PUT', path: string, { object, signal }: Written): ApiCall {
    return { method, path: `${path}${query({ fieldManager })}`, body: JSON.stringify(object), signal }
  }

  return {
    async get(resource, ref, signal) {
      return unlessMissing(whole(resource, { method: 'GET', path: resourcePath(resource, ref), signal }))
    },

    async list(resource, { namespace, signal, labelSelector, limit, continueToken, resourceVersion }) {
      const asked = query({ labelSelector, limit, continue: continueToken, resourceVersion })
      const path = `${resourcePath(resource, { namespace })}${asked}`
      return listPage(resource, await transport.call({ method: 'GET', path, signal }))
    },

    async create(resource, object, signal) {
      const path = resourcePath(resource, { namespace: object.metadata.namespace })
      return whole(resource, written('POST', path, { object, signal }))
    },

    async update(resource, object, signal) {
      return whole(resource, written('PUT', resourcePath(resource, object.metadata), { object, signal }))
    },

    async apply(resource, configuration, { subresource, force = true, signal } = {}) {
      const object = resourcePath(resource, configuration.metadata)
      const path = `${object}${subresource === undefined ? '' : `/${subresource}`}${query({ fieldManager, force })}`
      const body = yamlOf(configuration)
      const call: ApiCall = { method: 'PATCH', path, body, contentType: 'application/apply-patch+yaml', signal }
      const applied = whole(resource, call)
      return subresource === undefined ? applied : unlessMissing(applied)
    },

    async delete(resource, ref, signal) {
      const preconditions = ref.uid === undefined ? {} : { preconditions: { uid: ref.uid } }
      const body = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', ...preconditions })
      const call: ApiCall = { method: 'DELETE', path: resourcePath(resource, ref), body, signal }
      return (await unlessMissing(transport.call(call).then(() => true))) ?? false
    },

    async *watch<T extends KubernetesObject>(resource: Resource<T>, watched: WatchOptions) {
      const { namespace, labelSelector, resourceVersion, timeoutSeconds, signal, onHeard } = watched
      const asked = { watch: true, allowWatchBookmarks: true, labelSelector, resourceVersion, timeoutSeconds }
      const path = `${resourcePath(resource, { namespace })}${query(asked)}`
      const response = await transport.open({ method: 'GET', path, signal })
      onHeard?.()
      const silenceSeconds = watched.silenceSeconds ?? defaultSilenceSeconds
      yield* readWatchEvents<T>(response, { signal, timers, silenceSeconds, onHeard })
    },

    async serves(resource, signal) {
      const found = await unlessMissing(transport.call({ method: 'GET', path: groupPath(resource), signal }))
      const kinds = membersOf(found)['resources']
      return Array.isArray(kinds) && kinds.some((kind) => membersOf(kind)['name'] === resource.plural)
    },

    close: () => transport.close(),
  }
}

interface Written {
  readonly object: KubernetesObject
  readonly signal: AbortSignal | undefined
}

async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/**
 * What is applied is read as YAML. JSON is YAML but for some characters, which YAML refuses or takes for the end of a
 * line, at which it drops the spaces; escaped they are the same to both. Half of a surrogate pair is nothing to YAML.
 */
function yamlOf(object: KubernetesObject): string {
  const json = JSON.stringify(object, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value))
  return json.replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function storedObject<T extends KubernetesObject>(resource: Resource<T>, body: unknown): Stored<T> {
  const object = membersOf(body)
  const { name, uid, resourceVersion } = membersOf(object['metadata'])
  if (typeof name !== 'string' || typeof uid !== 'string' || typeof resourceVersion !== 'string') {
    throw new ApiServerUnreachable(`the answer is not an object of kind ${resource.kind}`)
  }
  // The items of a list of a built-in kind don't say what they are.
  const { apiVersion = apiVersionOf(resource), kind = resource.kind } = object
  // Boundary: the API server's word for the shape of its kinds.
  return { ...object, apiVersion, kind } as unknown as Stored<T>
}

function listPage<T extends KubernetesObject>(resource: Resource<T>, body: unknown): ListPage<T> {
  const { metadata, items } = membersOf(body)
  const { resourceVersion, continue: continueToken } = membersOf(metadata)
  if (typeof resourceVersion !== 'string') throw new ApiServerUnreachable('the answer is not a list')
  const objects = Array.isArray(items) ? items.map((item) => storedObject(resource, item)) : []
  return {
    items: objects,
    resourceVersion,
    ...(typeof continueToken === 'string' && continueToken !== '' ? { continueToken } : {}),
  }
}
