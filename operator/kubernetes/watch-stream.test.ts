import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startApiServer } from '../testing/api-server.ts'
import type { TestApiServer } from '../testing/api-server.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import type { FakeTimers } from '../testing/fake-timers.ts'
import { ApiServerUnreachable } from './api-error.ts'
import { createKubernetesClient } from './client.ts'
import type { KubernetesClient } from './client.ts'
import type { ConfigMap } from './objects.ts'
import { configMaps } from './resources.ts'
import { readWatchEvents } from './watch-stream.ts'

interface Watching {
  readonly server: TestApiServer
  readonly timers: FakeTimers
  readonly client: KubernetesClient
  readonly abort: AbortController
  /** `TYPE name` of each event. */
  readonly seen: string[]
  /** What the watch said of itself; settles with the watch. */
  readonly ended: Promise<unknown>
  heard: number
}

async function watching(t: TestContext, resourceVersion = '1000'): Promise<Watching> {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const client = createKubernetesClient({ credentials: server.credentials(), timers })
  t.after(() => client.close())
  const abort = new AbortController()
  const seen: string[] = []
  const result = { server, timers, client, abort, seen, heard: 0, ended: Promise.resolve<unknown>(undefined) }
  const watched = { resourceVersion, timeoutSeconds: 300, signal: abort.signal, onHeard: () => (result.heard += 1) }
  result.ended = (async () => {
    for await (const event of client.watch(configMaps, watched)) {
      seen.push(event.type === 'BOOKMARK' ? event.type : `${event.type} ${event.object.metadata.name}`)
    }
    return 'in order'
  })().catch((error: unknown) => error)
  await timers.until(() => server.requests.length === 1 && result.heard > 0, 'the watch is open')
  return result
}

const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'team' },
  data,
})
const eventLine = (type: string, name: string, version?: string): string =>
  `${JSON.stringify({ type, object: { ...configMap(name), metadata: { name, resourceVersion: version } } })}\n`

test('a watch tells every change since its version, and ends in order', async (t) => {
  const { server, seen, ended } = await watching(t)
  server.write(configMaps, configMap('a'))
  server.write(configMaps, configMap('a', { b: 'c' }))
  server.remove(configMaps, { namespace: 'team', name: 'a' })
  server.bookmark()
  server.endWatches()
  assert.equal(await ended, 'in order')
  assert.deepEqual(seen, ['ADDED a', 'MODIFIED a', 'DELETED a', 'BOOKMARK', 'BOOKMARK'])
  const { url } = server.requests[0]!
  assert.equal(url, '/api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=1000&timeoutSeconds=300')
})

test('an event may come in any pieces, cut within a character, and many in one piece', async () => {
  const text = `${eventLine('ADDED', 'schlüssel-🔑', '1')}\n\r\n${eventLine('MODIFIED', 'b', '2')}${eventLine('DELETED', 'c', '3')}`
  const octets = Buffer.from(text)
  for (const size of [1, 2, 7, 100, octets.length]) {
    const pieces = Array.from({ length: Math.ceil(octets.length / size) }, (_, i) =>
      octets.subarray(i * size, (i + 1) * size),
    )
    const { signal } = new AbortController()
    const seen: string[] = []
    const settings = { signal, timers: fakeTimers(), silenceSeconds: 90 }
    for await (const event of readWatchEvents<ConfigMap>(Readable.from(pieces), settings)) {
      if (event.type !== 'BOOKMARK') seen.push(`${event.type} ${event.object.metadata.name}`)
    }
    assert.deepEqual(seen, ['ADDED schlüssel-🔑', 'MODIFIED b', 'DELETED c'], `pieces of ${size}`)
  }
})

test('a type of event from the future is passed over', async (t) => {
  const { server, seen, ended } = await watching(t)
  server.sendRaw(eventLine('RENAMED', 'a', '1') + eventLine('ADDED', 'b', '2'))
  server.endWatches()
  assert.equal(await ended, 'in order')
  assert.deepEqual(seen, ['ADDED b', 'BOOKMARK'])
})

const broken: readonly [string, string][] = [
  ['text that is not JSON', 'oops\n'],
  ['an event without a version', eventLine('ADDED', 'a')],
  ['an event longer than any object', ' '.repeat(17 * 1024 * 1024)],
]
for (const [what, text] of broken) {
  test(`${what} ends the watch`, async (t) => {
    const { server, timers, ended } = await watching(t)
    server.sendRaw(text)
    assert.ok((await ended) instanceof ApiServerUnreachable)
    await timers.until(() => server.watches === 0, 'the connection is closed')
  })
}

test('an answer that ends within an event was cut off', async (t) => {
  const { server, seen, ended } = await watching(t, '1000')
  server.stall(true)
  server.sendRaw(`${eventLine('ADDED', 'a', '1')}{"type":"ADD`)
  server.endWatches()
  assert.match(String(await ended), /ApiServerUnreachable: the watch ended within an event/)
  assert.deepEqual(seen, ['ADDED a'])
})

test('a connection that is cut is unreachable, whatever was told before', async (t) => {
  const { server, timers, seen, ended } = await watching(t)
  server.write(configMaps, configMap('a'))
  await timers.until(() => seen.length === 1, 'an event')
  server.dropWatches()
  assert.ok((await ended) instanceof ApiServerUnreachable)
})

test('an event of type ERROR is the API server’s error', async (t) => {
  const { server, ended } = await watching(t)
  const status = {
    kind: 'Status',
    code: 429,
    reason: 'TooManyRequests',
    message: 'slow down',
    details: { retryAfterSeconds: 3 },
  }
  server.sendRaw(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
  const { name, message, ...facts } = (await ended) as Error & { details?: unknown }
  assert.deepEqual([name, message], ['KubernetesApiError', 'slow down'])
  assert.deepEqual(facts, { status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3, details: status.details })
})

for (const as of ['status', 'event'] as const) {
  test(`a version that is forgotten is gone, told as ${as === 'status' ? 'a status' : 'an event'}`, async (t) => {
    const server = await startApiServer(t)
    const client = createKubernetesClient({ credentials: server.credentials(), timers: fakeTimers() })
    t.after(() => client.close())
    server.compact(as)
    const { signal } = new AbortController()
    const events = client.watch(configMaps, { resourceVersion: '1000', timeoutSeconds: 300, signal })
    await assert.rejects(events[Symbol.asyncIterator]().next(), { status: 410, reason: 'Expired' })
  })
}

test('silence ends the watch after 90 s, and any byte begins the time anew', async (t) => {
  const watch = await watching(t)
  const { server, timers, ended } = watch
  const text = eventLine('ADDED', 'slow', '1')
  for (let i = 0; i < 5; i++) {
    await timers.advance(80_000)
    const before = watch.heard
    server.sendRaw(text.slice(i, i + 1))
    await timers.until(() => watch.heard > before, 'the byte arrives')
  }
  await timers.advance(89_999)
  assert.equal(server.watches, 1)
  await timers.advance(1)
  assert.match(String(await ended), /said nothing on the watch for 90 s/)
  await timers.until(() => server.watches === 0, 'the connection is closed')
  assert.equal(timers.pending, 0)
})

test('an abort ends the watch with the signal’s reason and closes its connection', async (t) => {
  const { server, timers, abort, ended } = await watching(t)
  const reason = new Error('stopping')
  abort.abort(reason)
  assert.equal(await ended, reason)
  await timers.until(() => server.watches === 0, 'the connection is closed')
  assert.equal(timers.pending, 0)
})

test('a watch that is not answered has the time of any request', async (t) => {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const client = createKubernetesClient({ credentials: server.credentials(), timers })
  t.after(() => client.close())
  server.fail({ answer: 'hang' })
  const { signal } = new AbortController()
  const events = client.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 300, signal })
  const refused = assert.rejects(events[Symbol.asyncIterator]().next(), ApiServerUnreachable)
  await timers.until(() => server.requests.length === 1, 'the request arrives')
  await timers.advance(30_000)
  await refused
})

test('who stops reading closes the connection', async (t) => {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const client = createKubernetesClient({ credentials: server.credentials(), timers })
  t.after(() => client.close())
  server.write(configMaps, configMap('a'))
  server.write(configMaps, configMap('b'))
  const { signal } = new AbortController()
  for await (const event of client.watch(configMaps, { resourceVersion: '1000', timeoutSeconds: 300, signal })) {
    assert.equal(event.type, 'ADDED')
    break
  }
  await timers.until(() => server.watches === 0, 'the connection is closed')
  assert.equal(timers.pending, 0)
})
