import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startApiServer } from '../testing/api-server.ts'
import type { FaultAnswer, TestApiServer } from '../testing/api-server.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import type { FakeTimers } from '../testing/fake-timers.ts'
import {
  ApiServerUnreachable,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isNotFound,
  KubernetesApiError,
} from './api-error.ts'
import { createKubernetesClient } from './client.ts'
import type { KubernetesClient } from './client.ts'
import type { ClusterCredentials } from './credentials.ts'
import { certificateProfiles, issuers, leases, namespaces, secrets } from './resources.ts'

interface Setting {
  readonly server: TestApiServer
  readonly client: KubernetesClient
  readonly timers: FakeTimers
}

async function setting(t: TestContext, credentials?: Partial<ClusterCredentials>): Promise<Setting> {
  const server = await startApiServer(t, { token: 'secret-token' })
  const timers = fakeTimers()
  const client = createKubernetesClient({ credentials: { ...server.credentials(), ...credentials }, timers })
  t.after(() => client.close())
  return { server, client, timers }
}

const ref = { namespace: 'team', name: 'ca' }
const secret = (data: Record<string, string> = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...ref, ...metadata },
  data,
})
const profile = { apiVersion: 'certctl.io/v1alpha1', kind: 'CertificateProfile', metadata: ref, spec: {} }

test('an object is created, read, replaced and deleted', async (t) => {
  const { server, client } = await setting(t)
  const created = await client.create(secrets, secret({ a: 'MQ==' }))
  assert.ok(created.metadata.uid)
  assert.deepEqual(await client.get(secrets, ref), created)
  const updated = await client.update(secrets, { ...created, data: { a: 'Mg==' } })
  assert.deepEqual(updated.data, { a: 'Mg==' })
  assert.notEqual(updated.metadata.resourceVersion, created.metadata.resourceVersion)
  assert.equal(await client.delete(secrets, { ...ref, uid: created.metadata.uid }), true)
  assert.equal(await client.get(secrets, ref), undefined)
  assert.equal(await client.delete(secrets, ref), false)
  assert.deepEqual(
    server.requests.slice(0, 4).map(({ method, url }) => `${method} ${url}`),
    [
      'POST /api/v1/namespaces/team/secrets?fieldManager=certctl',
      'GET /api/v1/namespaces/team/secrets/ca',
      'PUT /api/v1/namespaces/team/secrets/ca?fieldManager=certctl',
      'DELETE /api/v1/namespaces/team/secrets/ca',
    ],
  )
  assert.equal(server.requests[0]?.headers['user-agent'], 'certctl')
})

test('apply makes an object, and is told by its name where that is its status', async (t) => {
  const { server, client } = await setting(t)
  const status = { subresource: 'status' as const }
  assert.equal(await client.apply(certificateProfiles, { ...profile, status: { a: 1 } }, status), undefined)
  const made = await client.apply(certificateProfiles, { ...profile, spec: { b: 2 } })
  assert.deepEqual(made?.spec, { b: 2 })
  const told = await client.apply(certificateProfiles, { ...profile, status: { a: 1 } }, { ...status, force: false })
  assert.deepEqual(told?.status, { a: 1 })
  const path = '/apis/certctl.io/v1alpha1/namespaces/team/certificateprofiles/ca'
  assert.deepEqual(
    server.requests.map(({ method, url, headers }) => [method, url, headers['content-type']]),
    [
      ['PATCH', `${path}/status?fieldManager=certctl&force=true`, 'application/apply-patch+yaml'],
      ['PATCH', `${path}?fieldManager=certctl&force=true`, 'application/apply-patch+yaml'],
      ['PATCH', `${path}/status?fieldManager=certctl&force=false`, 'application/apply-patch+yaml'],
    ],
  )
})

test('apply of a kind that is not there is an error, unlike that of a status', async (t) => {
  const { server, client } = await setting(t)
  server.uninstall(certificateProfiles)
  await assert.rejects(client.apply(certificateProfiles, profile), isNotFound)
})

test('what is applied has no character that YAML would refuse or change', async (t) => {
  const { server, client } = await setting(t)
  const text = 'delete \u007f, next line \u0085, mark \ufeff, quote " and backslash \\ and \u2028, 🔑'
  const applied = await client.apply(certificateProfiles, { ...profile, spec: { text } })
  assert.deepEqual(applied?.spec, { text })
  assert.doesNotMatch(server.requests[0]?.body ?? '\u0085', /[\u007f-\u009f\u2028\ufeff]/)
  const cut = await client.apply(certificateProfiles, { ...profile, spec: { text: 'half \ud83d' } })
  assert.deepEqual(cut?.spec, { text: 'half \ufffd' })
})

test('a list comes in pages, and its items say what they are also where the API server leaves that out', async (t) => {
  const { server, client } = await setting(t)
  for (const name of ['a', 'b', 'c']) server.write(secrets, secret({}, { name, labels: { odd: String(name !== 'b') } }))
  server.write(secrets, secret({}, { name: 'elsewhere', namespace: 'other' }))
  const first = await client.list(secrets, { namespace: 'team', limit: 2 })
  assert.deepEqual(
    first.items.map(({ kind, apiVersion, metadata: { name } }) => [kind, apiVersion, name]),
    [
      ['Secret', 'v1', 'a'],
      ['Secret', 'v1', 'b'],
    ],
  )
  const { continueToken } = first
  const second = await client.list(secrets, { namespace: 'team', limit: 2, continueToken })
  assert.deepEqual(
    second.items.map(({ metadata: { name } }) => name),
    ['c'],
  )
  assert.deepEqual([second.resourceVersion, second.continueToken], [first.resourceVersion, undefined])
  assert.equal((await client.list(secrets, {})).items.length, 4)
  const odd = await client.list(secrets, { namespace: 'team', labelSelector: 'odd=true' })
  assert.deepEqual(
    odd.items.map(({ metadata: { name } }) => name),
    ['a', 'c'],
  )
})

test('a list that went stale between two pages says so', async (t) => {
  const { server, client } = await setting(t)
  for (const name of ['a', 'b']) server.write(secrets, secret({}, { name }))
  const { continueToken } = await client.list(secrets, { limit: 1 })
  server.compact()
  await assert.rejects(client.list(secrets, { limit: 1, continueToken }), isGone)
})

test('discovery tells which kinds there are', async (t) => {
  const { server, client } = await setting(t)
  assert.deepEqual(await Promise.all([issuers, leases, secrets].map((kind) => client.serves(kind))), [true, true, true])
  server.uninstall(issuers)
  assert.equal(await client.serves(issuers), false)
  assert.equal(await client.serves({ ...issuers, group: 'example.com' }), false)
  server.fail({ answer: { status: 500 } })
  await assert.rejects(client.serves(leases), { status: 500 })
})

test('preconditions that do not hold are conflicts, and a taken name is another thing', async (t) => {
  const { client } = await setting(t)
  const created = await client.create(secrets, secret({ a: 'MQ==' }))
  await client.update(secrets, { ...created, data: {} })
  const again = client.create(secrets, secret())
  await assert.rejects(again, (error) => isAlreadyExists(error) && !isConflict(error))
  const stale = client.update(secrets, created)
  await assert.rejects(stale, (error) => isConflict(error) && !isAlreadyExists(error))
  await assert.rejects(client.delete(secrets, { ...ref, uid: 'of another' }), isConflict)
})

const answers: readonly [FaultAnswer & object, object][] = [
  [{ status: 401 }, { status: 401, reason: 'Unauthorized', message: 'injected' }],
  [{ status: 403 }, { status: 403, reason: 'Forbidden' }],
  [{ status: 410 }, { status: 410, reason: 'Expired' }],
  [
    { status: 429, headers: { 'retry-after': '7' } },
    { status: 429, retryAfterSeconds: 7 },
  ],
  [
    { status: 429, headers: { 'retry-after': 'soon' } },
    { status: 429, retryAfterSeconds: undefined },
  ],
  [
    { status: 500, reason: '', message: '' },
    { status: 500, reason: '', message: /answered with status 500/ },
  ],
  [{ status: 302 }, { status: 302 }],
]
for (const [answer, expected] of answers) {
  test(`the answer ${JSON.stringify(answer)} is the API server's word`, async (t) => {
    const { server, client } = await setting(t)
    server.fail({ answer, times: 2 })
    await assert.rejects(client.list(secrets, {}), { name: 'KubernetesApiError', ...expected })
    await assert.rejects(client.get(secrets, ref), expected)
  })
}

test('errors are told apart by their status', () => {
  const error = new KubernetesApiError('no', { status: 403, reason: 'Forbidden' })
  const kinds = [isForbidden, isNotFound, isConflict, isGone, isAlreadyExists]
  assert.deepEqual(
    kinds.map((is) => is(error)),
    [true, false, false, false, false],
  )
  assert.equal(isNotFound(new Error('NotFound')), false)
})

test('the page of a proxy is an error with its status and without its text', async (t) => {
  const { server, client } = await setting(t, {})
  server.uninstall(secrets)
  await assert.rejects(client.list(secrets, {}), {
    status: 404,
    reason: '',
    message: 'the API server answered with status 404',
  })
})

const cutOff: readonly [string, FaultAnswer][] = [
  ['a reset', 'reset'],
  ['an answer cut off', { text: '{"metadata":', reset: true }],
  ['an answer that is not JSON', { text: '<html>' }],
  ['an answer that is no object of the kind', { text: '{"items":[]}' }],
  ['an answer that is null', { text: 'null' }],
]
for (const [what, answer] of cutOff) {
  test(`${what} is no answer`, async (t) => {
    const { server, client } = await setting(t)
    server.fail({ answer, times: 2 })
    await assert.rejects(client.get(secrets, ref), ApiServerUnreachable)
    await assert.rejects(client.list(secrets, {}), ApiServerUnreachable)
    assert.equal(await client.get(secrets, ref), undefined)
  })
}

test('an answer over 64 MB is refused', async (t) => {
  const { server, client } = await setting(t)
  server.fail({ answer: { text: `{"items":[],"metadata":{"resourceVersion":"1"}}${' '.repeat(64 * 1024 * 1024)}` } })
  await assert.rejects(client.list(secrets, {}), {
    name: 'ApiServerUnreachable',
    message: /larger than 67108864 octets/,
  })
})

test('a refused connection is no answer, with the cause', async () => {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  const credentials = { url: `http://127.0.0.1:${port}`, requestOptions: () => Promise.resolve({}) }
  const client = createKubernetesClient({ credentials, timers: fakeTimers() })
  await assert.rejects(client.get(secrets, ref), (error) => {
    assert.ok(error instanceof ApiServerUnreachable)
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    return true
  })
})

test('an answer that does not come in time is none, and leaves nothing behind', async (t) => {
  const { server, client, timers } = await setting(t)
  server.fail({ answer: 'hang' })
  const refused = assert.rejects(client.get(secrets, ref), {
    name: 'ApiServerUnreachable',
    message: /GET \/api\/v1\/namespaces\/team\/secrets\/ca took longer than 30000 ms/,
  })
  await timers.until(() => server.requests.length === 1, 'the request arrives')
  await timers.advance(29_999)
  await timers.advance(1)
  await refused
  assert.equal(timers.pending, 0)
  assert.equal(await client.get(secrets, ref), undefined)
})

test('an abort ends a request with the reason of the signal, before it and during it', async (t) => {
  const { server, client, timers } = await setting(t)
  const reason = new Error('stopping')
  await assert.rejects(client.get(secrets, ref, AbortSignal.abort(reason)), reason)
  assert.equal(server.requests.length, 0)
  const abort = new AbortController()
  server.fail({ answer: 'hang' })
  const refused = assert.rejects(client.create(secrets, secret(), abort.signal), reason)
  await timers.until(() => server.requests.length === 1, 'the request arrives')
  abort.abort(reason)
  await refused
  assert.equal(timers.pending, 0)
})

test('without credentials there is no request, and waiting for them has an end', async (t) => {
  const broken = await setting(t, { requestOptions: () => Promise.reject(new Error('ENOENT: token')) })
  await assert.rejects(broken.client.get(secrets, ref), { name: 'ApiServerUnreachable', message: /ENOENT: token/ })
  const slow = await setting(t, { requestOptions: () => new Promise(() => undefined) })
  const reason = new Error('stopping')
  await assert.rejects(slow.client.get(secrets, ref, AbortSignal.abort(reason)), reason)
  const refused = assert.rejects(slow.client.get(secrets, ref), ApiServerUnreachable)
  await slow.timers.advance(30_000)
  await refused
  assert.equal(broken.server.requests.length + slow.server.requests.length, 0)
})

test('the wrong token is refused by the API server', async (t) => {
  const { client } = await setting(t, {
    requestOptions: () => Promise.resolve({ headers: { authorization: 'Bearer x' } }),
  })
  await assert.rejects(client.get(secrets, ref), { status: 401 })
})

test('requests use the same connection again, also after a watch that ended', async (t) => {
  const { server, client, timers } = await setting(t)
  for (let i = 0; i < 20; i++) await client.get(secrets, ref)
  const { signal } = new AbortController()
  const watching = (async () => {
    for await (const _ of client.watch(secrets, { resourceVersion: '1000', timeoutSeconds: 300, signal }));
  })()
  await timers.until(() => server.watches === 1, 'the watch is open')
  server.endWatches()
  await watching
  await client.list(secrets, {})
  assert.equal(server.connections, 1)
})

test('a read that meets a connection just closed by the API server is sent again, once', async (t) => {
  const { server, client } = await setting(t)
  await client.get(secrets, ref)
  server.fail({ answer: 'reset' })
  assert.equal(await client.get(secrets, ref), undefined)
  assert.equal(server.connections, 2)
  server.fail({ answer: 'reset', times: 2 })
  await assert.rejects(client.get(secrets, ref), ApiServerUnreachable)
})

test('a write is never sent again: nobody knows whether it was done', async (t) => {
  const { server, client } = await setting(t)
  await client.get(secrets, ref)
  server.fail({ answer: 'reset' })
  await assert.rejects(client.create(secrets, secret()), ApiServerUnreachable)
  assert.equal(server.requests.filter(({ method }) => method === 'POST').length, 1)
})

test('the API may lie under a path', async (t) => {
  const server = await startApiServer(t)
  const credentials = { ...server.credentials(), url: `${server.url}/clusters/a/` }
  const client = createKubernetesClient({ credentials, timers: fakeTimers() })
  t.after(() => client.close())
  await client.get(secrets, ref)
  assert.equal(server.requests[0]?.url, '/clusters/a/api/v1/namespaces/team/secrets/ca')
})

test('no name reaches another path', async (t) => {
  const { server, client } = await setting(t)
  for (const name of ['', '.', '..']) {
    await assert.rejects(client.get(secrets, { namespace: 'team', name }), TypeError)
    await assert.rejects(client.delete(secrets, { namespace: name, name: 'ca' }), TypeError)
  }
  assert.equal(await client.get(secrets, { namespace: 'team', name: 'a/../b?c' }), undefined)
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    ['/api/v1/namespaces/team/secrets/a%2F..%2Fb%3Fc'],
  )
})

test('an object is asked for in a namespace if and only if its kind has one', async (t) => {
  const { server, client } = await setting(t)
  await assert.rejects(client.get(secrets, { name: 'ca' }), TypeError)
  await assert.rejects(client.get(namespaces, ref), TypeError)
  await assert.rejects(client.list(namespaces, { namespace: 'team' }), TypeError)
  assert.equal(server.requests.length, 0)
})
