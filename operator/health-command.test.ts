import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { runCertctl, startServe } from './testing/process.ts'
import { temporaryFolder } from './testing/standalone.ts'
import { ownCertificate } from './tls.ts'

const samples = join(import.meta.dirname, '..', 'crds', 'samples')

/** The port of a server on loopback that is gone when the test ends. */
async function listening(t: TestContext, server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host)
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A listener of our kind that answers /health with a status. */
async function answering(t: TestContext, status: number): Promise<Server> {
  const certificates = ownCertificate(await temporaryFolder(t), ['localhost'])
  const { certPem, keyPem } = await certificates.current(new Date('2026-01-01T00:00:00Z'))
  return createServer({ cert: certPem, key: keyPem, minVersion: 'TLSv1.3' }, (request, response) => {
    response.statusCode = request.url === '/health' ? status : 404
    response.end()
  })
}

function health(listener: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return runCertctl(['health'], { CERTCTL_LISTEN_ACME: listener })
}

test('health is good while the server lives, its database there or not, and bad when it is gone', async (t) => {
  const environment = { CERTCTL_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }
  const serve = await startServe(t, { manifests: samples, data: await temporaryFolder(t), environment })
  const listener = `127.0.0.1:${serve.ports.acme}`
  let code: number | null = null
  for (let i = 0; code !== 0 && i < 100; i++) code = (await health(listener)).code
  assert.equal(code, 0, serve.output())
  assert.equal((await serve.get('/ready')).status, 503)
  await serve.end('SIGKILL')
  assert.deepEqual(await health(listener), {
    code: 1,
    stdout: '',
    stderr: `unhealthy: https://${listener}/health does not answer: ECONNREFUSED\n`,
  })
})

test('only 200 is healthy', async (t) => {
  const port = await listening(t, await answering(t, 503))
  const { code, stderr } = await health(`127.0.0.1:${port}`)
  assert.equal(code, 1)
  assert.equal(stderr, `unhealthy: https://127.0.0.1:${port}/health answers 503 and not 200\n`)
})

test('a listener on every address is asked on loopback', async (t) => {
  const port = await listening(t, await answering(t, 200))
  for (const listener of [`:${port}`, `0.0.0.0:${port}`]) {
    assert.deepEqual(await health(listener), { code: 0, stdout: '', stderr: '' }, listener)
  }
})

test('a listener that does not speak TLS is not healthy', async (t) => {
  const port = await listening(
    t,
    createPlainServer((_, response) => response.end('alive\n')),
  )
  const { code, stderr } = await health(`:${port}`)
  assert.equal(code, 1)
  assert.match(stderr, /^unhealthy: https:\/\/127\.0\.0\.1:[0-9]+\/health does not answer: /)
})

test('a listener that accepts and says nothing is not healthy', async (t) => {
  const server = createTcpServer((socket) => t.after(() => socket.destroy()))
  const port = await listening(t, server)
  const { code, stderr } = await health(`:${port}`)
  assert.equal(code, 1)
  assert.equal(stderr, `unhealthy: https://127.0.0.1:${port}/health does not answer: nothing came within 3 s\n`)
})

test('what is wrong with other settings is none of its business', async (t) => {
  const port = await listening(t, await answering(t, 200))
  const { code, stderr } = await runCertctl(['health'], {
    CERTCTL_LISTEN_ACME: `:${port}`,
    CERTCTL_TLS_CERT_FILE: '/not/there',
    CERTCTL_RATE_LIMIT_BACKEND: 'redis',
  })
  assert.equal(code, 0, stderr)
})

const unusable: readonly [listener: string, words: RegExp][] = [
  ['nowhere', /CERTCTL_LISTEN_ACME="nowhere": write :8443/],
  [':0', /leaves the port to chance/],
]

for (const [listener, words] of unusable) {
  test(`with CERTCTL_LISTEN_ACME=${listener} there is nothing to ask`, async () => {
    const { code, stderr } = await health(listener)
    assert.equal(code, 1)
    assert.match(stderr, words)
  })
}
