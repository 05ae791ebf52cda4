import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { test, type TestContext } from 'node:test'
import { AcmeClient, problemType } from './acme-client.ts'
import { createTransport } from './http.ts'
import { generateSigningKey } from './signing-key.ts'

interface Asked {
  readonly method: string
  readonly path: string
  readonly host: string
  readonly contentType: string | undefined
  readonly body: string
}

/** A server that notes what it is asked: `/problem` is a badNonce, everything else an account. */
async function startNotebook(t: TestContext) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const { method = '', url: path = '', headers } = request
      asked.push({ method, path, host: headers.host ?? '', contentType: headers['content-type'], body })
      response.setHeader('Replay-Nonce', `nonce${asked.length}`)
      response.setHeader('Location', 'http://acme.test/account/1')
      const isProblem = path === '/problem'
      response.writeHead(isProblem ? 400 : 200, {
        'content-type': isProblem ? 'application/problem+json' : 'application/json',
      })
      response.end(JSON.stringify(isProblem ? { type: 'urn:ietf:params:acme:error:badNonce' } : directory))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const transport = createTransport({ connectTo: `http://127.0.0.1:${address.port}` })
  t.after(() => {
    transport.close()
    server.close()
  })
  const connect = (options = {}) =>
    AcmeClient.connect({ directoryUrl: 'http://acme.test/directory', transport, ...options })
  return { asked, connect }
}

const directory = {
  newNonce: 'http://acme.test/new-nonce',
  newAccount: 'http://acme.test/new-account',
  newOrder: 'http://acme.test/new-order',
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

function headerOf(asked: Asked | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(JSON.parse(asked?.body ?? '').protected, 'base64url').toString())
}

test('the client names itself by its key before it has an account, and by its URL after', async (t) => {
  const { asked, connect } = await startNotebook(t)
  const client = await connect()
  await client.newAccount()
  await client.postAsGet('http://acme.test/order/1')
  assert.deepEqual(
    asked.map(({ method, path, host }) => `${method} ${host}${path}`),
    ['GET acme.test/directory', 'HEAD acme.test/new-nonce', 'POST acme.test/new-account', 'POST acme.test/order/1'],
  )
  assert.deepEqual(headerOf(asked[2]), {
    alg: 'ES256',
    url: directory.newAccount,
    nonce: 'nonce2',
    jwk: client.key.jwk,
  })
  assert.deepEqual(headerOf(asked[3]), {
    alg: 'ES256',
    url: 'http://acme.test/order/1',
    nonce: 'nonce3',
    kid: 'http://acme.test/account/1',
  })
  assert.equal(asked[3]?.contentType, 'application/jose+json')
  assert.equal(JSON.parse(asked[3]?.body ?? '').payload, '')
})

test('the client misbehaves in one request as it is told, and in no other', async (t) => {
  const { asked, connect } = await startNotebook(t)
  const client = await connect()
  await client.newAccount()
  const url = 'http://acme.test/order/1'
  await client.postAsGet(url, { withoutNonce: true, withUrl: 'http://evil.test', extraProtected: { crit: [] } })
  await client.postAsGet(url, { rawBody: 'rubbish', contentType: 'text/plain', method: 'PUT' })
  await client.postAsGet(url)
  assert.deepEqual(headerOf(asked[3]), {
    alg: 'ES256',
    url: 'http://evil.test',
    kid: 'http://acme.test/account/1',
    crit: [],
  })
  assert.deepEqual([asked[4]?.method, asked[4]?.body, asked[4]?.contentType], ['PUT', 'rubbish', 'text/plain'])
  assert.deepEqual(Object.keys(headerOf(asked[5])), ['alg', 'url', 'nonce', 'kid'])
})

test('a problem is shown as one, and asking for its body throws it', async (t) => {
  const { asked, connect } = await startNotebook(t)
  const client = await connect({ key: generateSigningKey('EdDSA') })
  const answer = await client.post('http://acme.test/problem', {})
  assert.equal(problemType(answer), 'badNonce')
  assert.throws(() => answer.body, /answered 400.*badNonce/)
  assert.equal(asked.filter(({ path }) => path === '/problem').length, 1)
})

test('a badNonce is retried as often as was asked for', async (t) => {
  const { asked, connect } = await startNotebook(t)
  const client = await connect({ badNonceRetries: 2 })
  await client.post('http://acme.test/problem', {})
  const nonces = asked.filter(({ path }) => path === '/problem').map((each) => headerOf(each)['nonce'])
  assert.deepEqual(nonces, ['nonce2', 'nonce3', 'nonce4'])
})
