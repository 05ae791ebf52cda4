import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createFront } from './front.ts'
import type { Front } from './front.ts'
import { closeListener, listen, listenerTimeouts } from './listener.ts'
import { temporaryFolder } from './testing/standalone.ts'
import { ownCertificate } from './tls.ts'

const now = new Date('2026-06-01T00:00:00Z')

async function startFront(
  t: TestContext,
  options: { maxConnections?: number; reason?: string | undefined; minVersion?: 'TLSv1.2' | 'TLSv1.3' } = {},
): Promise<{ front: Front; port: number }> {
  const front = createFront({
    certificate: await ownCertificate(await temporaryFolder(t), ['localhost']).current(now),
    minVersion: options.minVersion ?? 'TLSv1.3',
    maxConnections: options.maxConnections ?? 100,
    readiness: { reasonNotReady: () => Promise.resolve(options.reason) },
  })
  await listen(front.server, { host: '127.0.0.1', port: 0 }, 'TEST')
  t.after(() => front.server.close().closeAllConnections())
  return { front, port: (front.server.address() as AddressInfo).port }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

function get(port: number, path: string, agent?: Agent, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method, rejectUnauthorized: false, agent: agent ?? false },
      (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

const hello: RequestListener = (_request, response) => void response.end('hello')

test('probes are answered before anything else, and everything else is asked to come back', async (t) => {
  const { front, port } = await startFront(t, { reason: 'not yet' })
  assert.deepEqual([(await get(port, '/health')).status, (await get(port, '/ready')).status], [200, 503])
  assert.equal((await get(port, '/ready?verbose')).body, 'not yet\n')
  const before = await get(port, '/acme/directory')
  assert.deepEqual([before.status, before.headers['retry-after']], [503, '5'])
  front.serve(hello)
  assert.equal((await get(port, '/acme/directory')).body, 'hello')
  assert.equal((await get(port, '/health', undefined, 'POST')).status, 405)
})

test('beyond the limit of connections clients are told to come back and probes still pass', async (t) => {
  const { front, port } = await startFront(t, { maxConnections: 2 })
  front.serve(hello)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const held = await Promise.all([get(port, '/', agent), get(port, '/', agent)])
  assert.deepEqual(
    held.map(({ status }) => status),
    [200, 200],
  )
  const refused = await get(port, '/')
  assert.deepEqual([refused.status, refused.headers['connection']], [503, 'close'])
  assert.equal((await get(port, '/health')).status, 200)
})

test('another certificate is shown without a restart', async (t) => {
  const { front, port } = await startFront(t)
  const shown = async (): Promise<string> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const raw = socket.getPeerCertificate().raw
    socket.destroy()
    return new X509Certificate(raw).fingerprint256
  }
  const next = await ownCertificate(await temporaryFolder(t), ['localhost']).current(now)
  const before = await shown()
  front.useCertificate(next)
  assert.notEqual(await shown(), before)
  assert.equal(await shown(), new X509Certificate(next.certPem).fingerprint256)
})

async function speaks(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<boolean> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion })
  const spoken = await Promise.race([
    once(socket, 'secureConnect').then(() => true),
    once(socket, 'error').then(
      () => false,
      () => false,
    ),
  ]).catch(() => false)
  socket.destroy()
  return spoken
}

test('TLS 1.2 is spoken only where it was asked for', async (t) => {
  const strict = await startFront(t)
  const lenient = await startFront(t, { minVersion: 'TLSv1.2' })
  assert.deepEqual([await speaks(strict.port, 'TLSv1.2'), await speaks(strict.port, 'TLSv1.3')], [false, true])
  assert.equal(await speaks(lenient.port, 'TLSv1.2'), true)
})

test('a listener that closes lets requests finish and cuts what takes too long', async (t) => {
  const { front, port } = await startFront(t)
  let release = (): void => {}
  front.serve((_request, response) => {
    release = () => void response.end('late')
  })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const late = get(port, '/', agent)
  await sleep(100)
  front.drain()
  const closed = closeListener(front.server, 5_000)
  await sleep(50)
  await assert.rejects(get(port, '/'), 'a connection was accepted')
  release()
  assert.equal((await late).body, 'late')
  await closed

  const stuck = await startFront(t)
  stuck.front.serve(() => {})
  const cut = get(stuck.port, '/')
  const expected = assert.rejects(cut)
  await sleep(100)
  await closeListener(stuck.front.server, 100)
  await expected
})

test('slow clients are bounded in time and size', () => {
  assert.ok(listenerTimeouts.headersTimeout <= listenerTimeouts.requestTimeout)
  assert.ok(listenerTimeouts.maxHeaderSize <= 16 * 1024)
})
