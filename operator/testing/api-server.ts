import { createServer as createHttpServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { ClusterCredentials } from '../kubernetes/credentials.ts'
import type { KubernetesObject, ObjectRef, Stored } from '../kubernetes/objects.ts'
import {
  apiVersionOf,
  certificateProfiles,
  clusterIssuers,
  clusterTrustBundles,
  configMaps,
  events,
  groupPath,
  issuers,
  leases,
  namespaces,
  secrets,
} from '../kubernetes/resources.ts'
import type { Resource } from '../kubernetes/resources.ts'
import { applyConfiguration, isJsonObject, textOf } from './api-server-apply.ts'
import type { Json, JsonObject, ManagedFields } from './api-server-apply.ts'
import { createObjectStore, isSame, managersAfterUpdate, metaOf } from './api-server-store.ts'
import type { Entry, ObjectStore, StoredEvent } from './api-server-store.ts'

/** A request as it arrived. */
export interface ApiRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Tells connections apart. */
  readonly connection: number
}

/** What goes wrong, for the next requests that match. */
export interface Fault {
  readonly method?: string
  /** The plural of a kind, or a part of path and query. */
  readonly path?: string | RegExp
  /** Only watches, or only others; both by default. */
  readonly watch?: boolean
  /** How often; once by default. */
  readonly times?: number
  readonly answer: FaultAnswer
}

export type FaultAnswer =
  /** A Status object; a reason that fits the status by default. */
  | {
      readonly status: number
      readonly reason?: string
      readonly message?: string
      readonly headers?: Record<string, string>
    }
  /** This text as it is, with status 200, and the end; `reset` destroys the connection instead of ending it. */
  | { readonly text: string; readonly reset?: boolean }
  /** The connection is destroyed, or accepted and never answered. */
  | 'reset'
  | 'hang'
  /** As normal, but held back until the promise settles. */
  | { readonly after: Promise<unknown> }

/** A small API server over HTTP on loopback, with the semantics that controllers live by. */
export interface TestApiServer {
  readonly url: string
  readonly requests: readonly ApiRequest[]
  /** How many watches are open. */
  readonly watches: number
  /** How many connections have been opened. */
  readonly connections: number
  /** Where it is, with the token it asks for. */
  credentials(): ClusterCredentials
  /** Adds a kind, as a CustomResourceDefinition does. The kinds of resources.ts are there from the start. */
  install(resource: Resource<KubernetesObject>, options?: { readonly status?: boolean }): void
  /** Takes a kind away, with its objects. */
  uninstall(resource: Resource<KubernetesObject>): void
  /** What is stored now, without a request. */
  read<T extends KubernetesObject>(resource: Resource<T>, ref: ObjectRef): Stored<T> | undefined
  readAll<T extends KubernetesObject>(resource: Resource<T>): readonly Stored<T>[]
  /** Somebody else stores this, whatever was there, its status too. */
  write<T extends KubernetesObject>(resource: Resource<T>, object: T): Stored<T>
  /** Somebody else removes this, whatever its finalizers. */
  remove(resource: Resource<KubernetesObject>, ref: ObjectRef): void
  fail(fault: Fault): void
  /** Ends every fault, also those that are under way. */
  recover(): void
  /** Every watch that asked for them gets a bookmark. */
  bookmark(): void
  /** Ends the watches as their timeout would. */
  endWatches(): void
  /** Cuts the watches' connections. */
  dropWatches(): void
  /** While true, watches that are open or begin hear nothing. */
  stall(isStalled: boolean): void
  /** Writes this to the watches as it is. */
  sendRaw(text: string): void
  /** Forgets the past: what goes on from an older version gets 410, as a status or inside the stream. */
  compact(as?: 'status' | 'event'): void
  close(): Promise<void>
}

export interface TestApiServerOptions {
  /** A bearer token without which everything is 401. */
  readonly token?: string
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly now?: () => Date
}

interface Kind extends Resource<KubernetesObject> {
  readonly hasStatus: boolean
}

/** A request for a kind's objects. */
interface Call {
  readonly kind: Kind
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string
  readonly method: string
  readonly query: URLSearchParams
  readonly body: string
  readonly contentType: string
  readonly userAgent: string
}

interface Watch {
  readonly response: ServerResponse
  readonly call: Call
  readonly prefix: string
  readonly selects: (object: JsonObject) => boolean
  sent: number
}

interface Snapshot {
  readonly version: number
  readonly rest: readonly JsonObject[]
}

class Refusal extends Error {
  readonly status: number
  readonly reason: string
  readonly details: Json | undefined

  constructor(status: number, reason: string, message: string, details?: Json) {
    super(message)
    this.status = status
    this.reason = reason
    this.details = details
  }
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

const withStatus = [issuers, certificateProfiles, clusterIssuers, namespaces]
const withoutStatus = [secrets, configMaps, leases, events, clusterTrustBundles]

/** Started, and closed when the test ends. */
export async function startApiServer(t: TestContext, options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const server = await createTestApiServer(options)
  t.after(() => server.close())
  return server
}

export async function createTestApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const store = createObjectStore(options.now ?? (() => new Date()))
  const kinds = new Map<string, Kind>()
  const requests: ApiRequest[] = []
  const watches = new Set<Watch>()
  const sockets = new Map<Socket, number>()
  const snapshots = new Map<string, Snapshot>()
  const held = new Set<ServerResponse>()
  let faults: { fault: Fault; left: number }[] = []
  let connections = 0
  let stalled = false
  let goneAs: 'status' | 'event' = 'event'

  const install = (resource: Resource<KubernetesObject>, hasStatus: boolean): void => {
    kinds.set(`${groupPath(resource)}/${resource.plural}`, { ...resource, hasStatus })
  }
  for (const resource of withStatus) install(resource, true)
  for (const resource of withoutStatus) install(resource, false)

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/'
    const method = request.method ?? 'GET'
    const body = await bodyOf(request)
    const connection = sockets.get(request.socket) ?? 0
    requests.push({ method, url, headers: request.headers, body, connection })
    const fault = takeFault(method, url)
    if (fault !== undefined && (await failAs(fault, response)) === 'answered') return
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
      throw new Refusal(401, 'Unauthorized', 'Unauthorized')
    }
    route({ method, url, body, headers: request.headers }, response)
  }

  function takeFault(method: string, url: string): FaultAnswer | undefined {
    const isWatch = new URL(url, 'http://server').searchParams.get('watch') === 'true'
    const found = faults.find(
      ({ fault }) =>
        (fault.method === undefined || fault.method === method) &&
        (fault.watch === undefined || fault.watch === isWatch) &&
        matches(fault.path, url),
    )
    if (found === undefined) return undefined
    found.left -= 1
    if (found.left <= 0) faults = faults.filter((other) => other !== found)
    return found.fault.answer
  }

  async function failAs(fault: FaultAnswer, response: ServerResponse): Promise<'answered' | 'go on'> {
    if (fault === 'reset') {
      response.socket?.resetAndDestroy()
    } else if (fault === 'hang') {
      held.add(response)
    } else if ('after' in fault) {
      await fault.after
      return 'go on'
    } else if ('text' in fault) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(fault.text, () => (fault.reset === true ? response.socket?.resetAndDestroy() : response.end()))
    } else {
      sendStatus(response, { reason: reasons[fault.status] ?? '', message: 'injected', ...fault })
    }
    return 'answered'
  }

  function route(
    request: { method: string; url: string; body: string; headers: IncomingHttpHeaders },
    response: ServerResponse,
  ): void {
    const url = new URL(request.url, 'http://server')
    const parts = url.pathname.split('/').map(decodeURIComponent)
    const head = parts[1] === 'api' ? 3 : 4
    const group = parts.slice(0, head).join('/')
    const rest = parts.slice(head)
    if (rest.length === 0) return discover(group, response)
    const inNamespace = rest[0] === 'namespaces' && rest.length > 2
    const [plural = '', name, subresource = ''] = inNamespace ? rest.slice(2) : rest
    const kind = kinds.get(`${group}/${plural}`)
    if (kind === undefined || !['', ...(kind.hasStatus ? ['status'] : [])].includes(subresource))
      return noPage(response)
    const namespace = inNamespace ? rest[1] : undefined
    if (namespace !== undefined && !kind.namespaced) return noPage(response)
    const { headers, method, body } = request
    serve(
      {
        kind,
        namespace,
        name,
        subresource,
        method,
        query: url.searchParams,
        body,
        contentType: headers['content-type'] ?? '',
        userAgent: headers['user-agent'] ?? 'unknown',
      },
      response,
    )
  }

  function discover(group: string, response: ServerResponse): void {
    const found = [...kinds].filter(([path]) => path.startsWith(`${group}/`)).map(([, kind]) => kind)
    const [first] = found
    if (first === undefined) return noPage(response)
    send(response, 200, {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersionOf(first),
      resources: found.flatMap(({ plural, kind, namespaced, hasStatus }) => [
        {
          name: plural,
          singularName: '',
          namespaced,
          kind,
          verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
        },
        ...(hasStatus
          ? [{ name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] }]
          : []),
      ]),
    })
  }

  function serve(call: Call, response: ServerResponse): void {
    if (call.name === undefined) {
      if (call.method === 'GET' && call.query.get('watch') === 'true') return beginWatch(call, response)
      if (call.method === 'GET') return send(response, 200, listPage(call))
      if (call.method === 'POST') return send(response, 201, create(call))
    } else {
      if (call.method === 'GET') return send(response, 200, existing(call).object)
      if (call.method === 'PUT') return send(response, 200, replace(call))
      if (call.method === 'PATCH') return patch(call, response)
      if (call.method === 'DELETE') return send(response, 200, remove(call))
    }
    throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
  }

  // ---- objects

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
      throw new Refusal(400, 'BadRequest', 'resourceVersion should not be set on objects to be created')
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

  function patch(call: Call, response: ServerResponse): void {
    const entry = store.get(keyOf(call))
    if (call.contentType.startsWith('application/apply-patch+yaml')) return apply(call, entry, response)
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
    send(response, 200, commit(call, entry, wanted, managersAfterUpdate(entry, wanted, writer(call))))
  }

  function apply(call: Call, entry: Entry | undefined, response: ServerResponse): void {
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
    if (entry !== undefined) return send(response, 200, commit(call, entry, applied.object, applied.managers))
    validate(call, applied.object)
    send(response, 201, store.write(keyOf(call), applied))
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

  // ---- lists

  function listPage(call: Call): JsonObject {
    const token = call.query.get('continue')
    const limit = Number(call.query.get('limit') ?? 0)
    const snapshot = token === null ? everything(call) : snapshots.get(token)
    if (snapshot === undefined) throw new Refusal(410, 'Expired', 'The provided continue parameter is too old')
    const items = limit > 0 ? snapshot.rest.slice(0, limit) : snapshot.rest
    const rest = snapshot.rest.slice(items.length)
    const metadata: Record<string, Json> = { resourceVersion: String(snapshot.version) }
    if (rest.length > 0) {
      const next = Buffer.from(`${snapshot.version}/${rest.length}/${snapshots.size}`).toString('base64url')
      snapshots.set(next, { version: snapshot.version, rest })
      metadata['continue'] = next
      metadata['remainingItemCount'] = rest.length
    }
    return {
      kind: `${call.kind.kind}List`,
      apiVersion: apiVersionOf(call.kind),
      metadata,
      items: items.map((item) =>
        isBuiltIn(call.kind) ? withoutMember(withoutMember(item, 'kind'), 'apiVersion') : item,
      ),
    }
  }

  function everything(call: Call): Snapshot {
    const selects = selectorOf(call)
    return { version: store.version, rest: store.list(prefixOf(call)).filter((object) => selects(object)) }
  }

  // ---- watches

  function beginWatch(call: Call, response: ServerResponse): void {
    const from = call.query.get('resourceVersion') ?? ''
    const since = Number(from)
    const isFresh = from === '' || from === '0'
    const isGone = !isFresh && since < store.oldestVersion
    if (!isFresh && since > store.version)
      throw new Refusal(504, 'Timeout', `Too large resource version: ${from}, current: ${store.version}`)
    if (isGone && goneAs === 'status') throw tooOld(since, store)
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' })
    response.flushHeaders()
    if (isGone) {
      response.end(line('ERROR', statusObject(tooOld(since, store))))
      return
    }
    const watch = {
      response,
      call,
      prefix: prefixOf(call),
      selects: selectorOf(call),
      sent: isFresh ? store.version : since,
    }
    watches.add(watch)
    response.on('close', () => watches.delete(watch))
    const seconds = Number(call.query.get('timeoutSeconds') ?? 1800)
    const timeout = setTimeout(() => endWatch(watch), seconds * 1000).unref()
    response.on('close', () => clearTimeout(timeout))
    if (isFresh) for (const object of everything(call).rest) response.write(line('ADDED', object))
    pump(watch)
  }

  function pump(watch: Watch): void {
    if (stalled) return
    for (const event of store.eventsSince(watch.prefix, watch.sent)) {
      watch.sent = event.version
      const type = seenAs(event, watch.selects)
      if (type !== undefined) watch.response.write(line(type, event.object))
    }
  }

  function endWatch(watch: Watch): void {
    if (!stalled) sendBookmark(watch)
    watch.response.end()
    watches.delete(watch)
  }

  function sendBookmark(watch: Watch): void {
    if (watch.call.query.get('allowWatchBookmarks') !== 'true') return
    watch.sent = store.version
    const { kind } = watch.call
    const metadata = { resourceVersion: String(store.version), creationTimestamp: null }
    watch.response.write(line('BOOKMARK', { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata }))
  }

  store.subscribe(() => {
    for (const watch of watches) pump(watch)
  })

  // ---- the server

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'InternalError', String(error))
      send(response, refusal.status, statusObject(refusal))
    })
  }
  const listener = options.tls === undefined ? createHttpServer(onRequest) : createHttpsServer(options.tls, onRequest)
  listener.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    connections += 1
    sockets.set(socket, connections)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`

  return {
    url,
    requests,
    get watches() {
      return watches.size
    },
    get connections() {
      return connections
    },
    credentials: () => ({
      url,
      requestOptions: () =>
        Promise.resolve({
          headers: options.token === undefined ? {} : { authorization: `Bearer ${options.token}` },
          ...(options.tls === undefined ? {} : { ca: options.tls.cert }),
        }),
    }),
    install: (resource, { status = true } = {}) => install(resource, status),
    uninstall(resource) {
      const path = `${groupPath(resource)}/${resource.plural}`
      for (const object of store.list(`${path}/`)) store.remove(keyOf(callFor(resource, metaOf(object))))
      kinds.delete(path)
      for (const watch of watches) if (watch.call.kind.plural === resource.plural) endWatch(watch)
    },
    read: <T extends KubernetesObject>(resource: Resource<T>, ref: ObjectRef) =>
      store.get(keyOf({ kind: resource, namespace: ref.namespace, name: ref.name }))?.object as Stored<T> | undefined,
    readAll: <T extends KubernetesObject>(resource: Resource<T>) =>
      store.list(`${groupPath(resource)}/${resource.plural}/`) as unknown as readonly Stored<T>[],
    write<T extends KubernetesObject>(resource: Resource<T>, object: T) {
      const call = callFor(resource, object.metadata as unknown as JsonObject)
      const entry = store.get(keyOf(call))
      const json = placed(call, object as unknown as JsonObject)
      const managers = managersAfterUpdate(entry, json, { manager: 'somebody-else', subresource: '' })
      return store.write(keyOf(call), { object: json, managers }) as unknown as Stored<T>
    },
    remove(resource, ref) {
      store.remove(keyOf({ kind: resource, namespace: ref.namespace, name: ref.name }))
    },
    fail(fault) {
      faults.push({ fault, left: fault.times ?? 1 })
    },
    recover() {
      faults = []
      stalled = false
      for (const response of held) response.destroy()
      held.clear()
      for (const watch of watches) pump(watch)
    },
    bookmark() {
      for (const watch of watches) sendBookmark(watch)
    },
    endWatches() {
      for (const watch of watches) endWatch(watch)
    },
    dropWatches() {
      for (const watch of watches) watch.response.socket?.resetAndDestroy()
      watches.clear()
    },
    stall(isStalled) {
      stalled = isStalled
      for (const watch of watches) pump(watch)
    },
    sendRaw(text) {
      for (const { response } of watches) response.write(text)
    },
    compact(as = 'event') {
      goneAs = as
      snapshots.clear()
      store.compact()
    },
    async close() {
      faults = []
      for (const socket of sockets.keys()) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

// ---- keys and references

function keyOf({
  kind,
  namespace,
  name,
}: {
  kind: Resource<KubernetesObject>
  namespace: string | undefined
  name: string | undefined
}): string {
  return `${groupPath(kind)}/${kind.plural}/${namespace ?? ''}/${name ?? ''}`
}

function prefixOf({ kind, namespace }: Call): string {
  const all = `${groupPath(kind)}/${kind.plural}/`
  return namespace === undefined ? all : `${all}${namespace}/`
}

function callFor(kind: Resource<KubernetesObject>, meta: JsonObject): Call {
  const { name, namespace } = meta
  return {
    kind: { ...kind, hasStatus: false },
    namespace: typeof namespace === 'string' ? namespace : undefined,
    name: textOf(name),
    subresource: '',
    method: '',
    query: new URLSearchParams(),
    body: '',
    contentType: '',
    userAgent: '',
  }
}

/** Lists of these leave kind and apiVersion out of their items, as the real ones do. */
function isBuiltIn({ group }: Resource<KubernetesObject>): boolean {
  return group === '' || group.endsWith('.k8s.io')
}

function groupResource({ kind }: Call): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}

function writer(call: Call): { manager: string; subresource: string } {
  const [program = 'unknown'] = call.userAgent.split('/')
  return { manager: call.query.get('fieldManager') ?? program, subresource: call.subresource }
}

// ---- what a request's body becomes

function parseJson(call: Call): Json {
  try {
    return JSON.parse(call.body) as Json
  } catch {
    throw new Refusal(400, 'BadRequest', 'the object provided is unrecognized: json parse error')
  }
}

function parseObject(call: Call): JsonObject {
  const object = parseJson(call)
  if (!isJsonObject(object)) throw new Refusal(400, 'BadRequest', 'the object provided is unrecognized')
  const { kind, apiVersion } = object
  if (kind !== call.kind.kind || apiVersion !== apiVersionOf(call.kind)) {
    const message = `${textOf(apiVersion)}, Kind=${textOf(kind)} does not match the kind of the URL`
    throw new Refusal(400, 'BadRequest', message)
  }
  const { namespace } = metaOf(object)
  if (namespace !== undefined && namespace !== call.namespace) {
    throw new Refusal(
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    )
  }
  return object
}

function placed(call: Call, object: JsonObject): JsonObject {
  const { namespace } = call
  return { ...object, metadata: { ...metaOf(object), ...(namespace === undefined ? {} : { namespace }) } }
}

function identityOf(object: JsonObject): JsonObject {
  return {
    apiVersion: object['apiVersion'] ?? null,
    kind: object['kind'] ?? null,
    metadata: { name: metaOf(object)['name'] ?? null },
  }
}

/** Of an object with a status subresource, its own URL changes all but the status, and `/status` nothing else. */
function inSubresource(call: Call, current: JsonObject, wanted: JsonObject): JsonObject {
  const status = (object: JsonObject): JsonObject =>
    object['status'] === undefined ? {} : { status: object['status'] }
  if (call.subresource === 'status') return { ...withoutMember(current, 'status'), ...status(wanted) }
  const meta = { ...metaOf(wanted), namespace: metaOf(current)['namespace'] }
  const { namespace, ...rest } = meta
  const complete = { ...wanted, metadata: namespace === undefined ? rest : { ...rest, namespace } }
  return call.kind.hasStatus ? { ...withoutMember(complete, 'status'), ...status(current) } : complete
}

function onlySubresource(call: Call, configuration: JsonObject): JsonObject {
  if (call.subresource === 'status') return { ...identityOf(configuration), status: configuration['status'] ?? {} }
  return call.kind.hasStatus ? withoutMember(configuration, 'status') : configuration
}

function withoutMember(object: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = object
  return rest
}

function mergePatch(target: Json | undefined, change: Json): Json {
  if (!isJsonObject(change)) return change
  const merged: Record<string, Json> = { ...(isJsonObject(target) ? target : {}) }
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

function isEmptyList(value: Json | undefined): boolean {
  return !Array.isArray(value) || value.length === 0
}

// ---- what the real one refuses

/** Go's parser wants exactly six digits. */
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

function validate(call: Call, object: JsonObject, before?: JsonObject): void {
  if (!dnsSubdomain.test(call.name ?? '') || (call.name ?? '').length > 253) {
    throw invalid(
      call,
      'metadata.name: Invalid value: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
    )
  }
  if (call.kind.plural === 'leases') validateLease(call, object)
  if (call.kind.group === 'events.k8s.io') validateEvent(call, object, before)
}

function requireMicroTime(value: Json | undefined): void {
  if (value === undefined || value === null) return
  if (typeof value !== 'string' || !microTime.test(value)) {
    throw new Refusal(
      400,
      'BadRequest',
      `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse`,
    )
  }
}

function validateLease(call: Call, object: JsonObject): void {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {}
  requireMicroTime(spec['acquireTime'])
  requireMicroTime(spec['renewTime'])
  const duration = spec['leaseDurationSeconds']
  if (duration !== undefined && duration !== null && !(Number.isInteger(duration) && Number(duration) > 0)) {
    throw invalid(call, 'spec.leaseDurationSeconds: Invalid value: must be greater than 0')
  }
  if (spec['holderIdentity'] === '') throw invalid(call, 'spec.holderIdentity: Required value: must not be empty')
}

function validateEvent(call: Call, object: JsonObject, before: JsonObject | undefined): void {
  const text = (name: string): string => (typeof object[name] === 'string' ? object[name] : '')
  const series = isJsonObject(object['series']) ? object['series'] : undefined
  requireMicroTime(object['eventTime'])
  requireMicroTime(series?.['lastObservedTime'])
  const longest = { reportingController: 63, reportingInstance: 128, action: 128, reason: 128 }
  for (const [name, length] of Object.entries(longest)) {
    if (text(name) === '') throw invalid(call, `${name}: Required value`)
    if (text(name).length > length) throw invalid(call, `${name}: Invalid value: can have at most ${length} characters`)
  }
  if (object['eventTime'] === undefined) throw invalid(call, 'eventTime: Required value')
  if (text('note').length > 1024) throw invalid(call, 'note: Invalid value: can have at most 1024 characters')
  if (!['Normal', 'Warning'].includes(text('type'))) throw invalid(call, 'type: Invalid value')
  if (series !== undefined && !(Number(series['count']) >= 2))
    throw invalid(call, 'series.count: Invalid value: should be at least 2')
  const regarding = isJsonObject(object['regarding']) ? object['regarding'] : {}
  if ((regarding['namespace'] ?? 'default') !== call.namespace) {
    throw invalid(call, 'involvedObject.namespace: Invalid value: does not match event.namespace')
  }
  const fixed = [
    'eventTime',
    'reportingController',
    'reportingInstance',
    'action',
    'reason',
    'regarding',
    'note',
    'type',
  ]
  for (const name of before === undefined ? [] : fixed) {
    if (!isSame(before?.[name], object[name])) throw invalid(call, `${name}: Invalid value: field is immutable`)
  }
}

function notFound(call: Call): Refusal {
  const details = { name: call.name ?? '', group: call.kind.group, kind: call.kind.plural }
  return new Refusal(404, 'NotFound', `${groupResource(call)} "${call.name ?? ''}" not found`, details)
}

function conflict(call: Call): Refusal {
  const message = `Operation cannot be fulfilled on ${groupResource(call)} "${call.name ?? ''}": the object has been modified; please apply your changes to the latest version and try again`
  return new Refusal(409, 'Conflict', message, {
    name: call.name ?? '',
    group: call.kind.group,
    kind: call.kind.plural,
  })
}

function invalid(call: Call, message: string): Refusal {
  const details = { name: call.name ?? '', group: call.kind.group, kind: call.kind.kind }
  return new Refusal(422, 'Invalid', `${call.kind.kind} "${call.name ?? ''}" is invalid: ${message}`, details)
}

function missingNamespace(call: Call): never {
  throw new Refusal(405, 'MethodNotAllowed', `an object of ${groupResource(call)} is created in a namespace`)
}

function tooOld(version: number, store: ObjectStore): Refusal {
  return new Refusal(410, 'Expired', `too old resource version: ${version} (${store.oldestVersion})`)
}

// ---- selectors and events

function selectorOf(call: Call): (object: JsonObject) => boolean {
  const labels = requirementsOf(call.query.get('labelSelector') ?? '')
  const fields = requirementsOf(call.query.get('fieldSelector') ?? '')
  return (object) => {
    const meta = metaOf(object)
    const own = isJsonObject(meta['labels']) ? meta['labels'] : {}
    const field = { 'metadata.name': meta['name'] ?? null, 'metadata.namespace': meta['namespace'] ?? null }
    return labels.every((holds) => holds(own)) && fields.every((holds) => holds(field))
  }
}

/** `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a` and `!a`. */
function requirementsOf(selector: string): ((labels: JsonObject) => boolean)[] {
  const parts = selector.match(/[^,(]+(\([^)]*\))?/g) ?? []
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(requirementOf)
}

function requirementOf(part: string): (labels: JsonObject) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return (labels) => values.includes(textOf(labels[key] ?? '\0')) === (operator === 'in')
  }
  const equality = /^([^!=]+)(==|=|!=)(.*)$/.exec(part)
  if (equality !== null) {
    const [, key = '', operator, value] = equality
    return (labels) => (labels[key.trim()] === value?.trim()) === (operator !== '!=')
  }
  return part.startsWith('!') ? (labels) => !(part.slice(1) in labels) : (labels) => part in labels
}

/** As what a watch with a selector sees a change: objects come and go with their labels. */
function seenAs(event: StoredEvent, selects: (object: JsonObject) => boolean): StoredEvent['type'] | undefined {
  const isNow = event.type !== 'DELETED' && selects(event.object)
  const wasBefore = event.before !== undefined && selects(event.before)
  if (isNow) return wasBefore ? 'MODIFIED' : 'ADDED'
  return wasBefore ? 'DELETED' : undefined
}

function line(type: string, object: Json): string {
  return `${JSON.stringify({ type, object })}\n`
}

// ---- HTTP

function statusObject(refusal: Refusal): JsonObject {
  const { status: code, reason, message, details } = refusal
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
    ...(details === undefined ? {} : { details }),
  }
}

function sendStatus(
  response: ServerResponse,
  {
    status,
    reason,
    message,
    headers = {},
  }: { status: number; reason: string; message: string; headers?: Record<string, string> },
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  send(response, status, statusObject(new Refusal(status, reason, message)))
}

function send(response: ServerResponse, status: number, body: JsonObject): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function noPage(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
  response.end('404 page not found\n')
}

function matches(path: string | RegExp | undefined, url: string): boolean {
  if (path === undefined) return true
  return typeof path === 'string' ? url.includes(path) : path.test(url)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
