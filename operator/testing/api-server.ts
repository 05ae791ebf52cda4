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
import type { JsonObject } from './api-server-apply.ts'
import { placed } from './api-server-bodies.ts'
import { callFor, keyOf } from './api-server-call.ts'
import type { Call, Kind } from './api-server-call.ts'
import { createLists } from './api-server-lists.ts'
import { createObjects } from './api-server-objects.ts'
import { reasons, Refusal, statusObject } from './api-server-refusals.ts'
import { createObjectStore, managersAfterUpdate, metaOf } from './api-server-store.ts'
import { createWatches } from './api-server-watches.ts'

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

/** What is answered in place of the truth. */
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
  sendRaw(text: string | Uint8Array): void
  /** Forgets the past: what goes on from an older version gets 410, as a status or inside the stream. */
  compact(as?: 'status' | 'event'): void
  close(): Promise<void>
}

/** All of it may be left out. */
export interface TestApiServerOptions {
  /** A bearer token without which everything is 401. */
  readonly token?: string
  /** PEM; `ca` is what clients trust. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string }
  readonly now?: () => Date
}

const withStatus = [issuers, certificateProfiles, clusterIssuers, namespaces]
const withoutStatus = [secrets, configMaps, leases, events, clusterTrustBundles]

/** Started, and closed when the test ends. */
export async function startApiServer(t: TestContext, options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const server = await createTestApiServer(options)
  t.after(() => server.close())
  return server
}

/** Started; the caller closes it. */
export async function createTestApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const store = createObjectStore(options.now ?? (() => new Date()))
  const objects = createObjects(store)
  const lists = createLists(store)
  const watches = createWatches(store, lists)
  const kinds = new Map<string, Kind>()
  const requests: ApiRequest[] = []
  const sockets = new Map<Socket, number>()
  const held = new Set<ServerResponse>()
  let faults: { fault: Fault; left: number }[] = []
  let connections = 0

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
      if (call.method === 'GET' && call.query.get('watch') === 'true') return watches.begin(call, response)
      if (call.method === 'GET') return send(response, 200, lists.page(call))
      if (call.method === 'POST') return send(response, 201, objects.create(call))
    } else {
      if (call.method === 'GET') return send(response, 200, objects.existing(call).object)
      if (call.method === 'PUT') return send(response, 200, objects.replace(call))
      if (call.method === 'PATCH') {
        const { status, object } = objects.patch(call)
        return send(response, status, object)
      }
      if (call.method === 'DELETE') return send(response, 200, objects.remove(call))
    }
    throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
  }

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
      return watches.count
    },
    get connections() {
      return connections
    },
    credentials: () => ({
      url,
      requestOptions: () =>
        Promise.resolve({
          headers: options.token === undefined ? {} : { authorization: `Bearer ${options.token}` },
          ...(options.tls === undefined ? {} : { ca: options.tls.ca }),
        }),
    }),
    install: (resource, { status = true } = {}) => install(resource, status),
    uninstall(resource) {
      const path = `${groupPath(resource)}/${resource.plural}`
      for (const object of store.list(`${path}/`)) store.remove(keyOf(callFor(resource, metaOf(object))))
      kinds.delete(path)
      watches.end(resource.plural)
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
      for (const response of held) response.destroy()
      held.clear()
      watches.stall(false)
    },
    bookmark: () => watches.bookmark(),
    endWatches: () => watches.end(),
    dropWatches: () => watches.drop(),
    stall: (isStalled) => watches.stall(isStalled),
    sendRaw: (text) => watches.sendRaw(text),
    compact(as = 'event') {
      watches.goneAs = as
      lists.expire()
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
