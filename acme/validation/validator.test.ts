import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { Log } from '../ports.ts'
import type { ValidationRequest } from './challenge.ts'
import { startTcpServer } from './testing/context.ts'
import { startDnsServer, zone } from './testing/dns-server.ts'
import { startHttpServer } from './testing/http-server.ts'
import { createValidator, type Validator } from './validator.ts'

const keyAuthorization = 'token.thumbprint'
const never = new AbortController().signal

function validatorOn(
  port: number,
  { totalMilliseconds = 5_000, defaultResolvers = [] as string[], log = silentLog() } = {},
): Validator {
  return createValidator({
    ports: { http: port, tls: port },
    defaultResolvers,
    timeouts: { totalMilliseconds, connectMilliseconds: 2_000, dnsQueryMilliseconds: 2_000, dnsTries: 1 },
    log,
  })
}

function silentLog(lines: object[] = []): Log {
  const write = (fields: object): void => void lines.push(fields)
  const log: Log = { info: write, warn: write, error: write, child: () => log }
  return log
}

async function requestFor(t: TestContext, overrides: Partial<ValidationRequest> = {}): Promise<ValidationRequest> {
  const dns = await startDnsServer(t, zone({ 'A app.test': '127.0.0.1' }))
  return {
    type: 'http-01',
    identifier: { type: 'dns', value: 'app.test' },
    token: 'token',
    keyAuthorization,
    policy: { resolvers: [dns.address], allowedNetworks: ['127.0.0.0/8'] },
    ...overrides,
  }
}

test('a proof is an outcome, and so is its absence', async (t) => {
  const server = await startHttpServer(t, (_request, response) =>
    response.end(server.requests.length === 1 ? keyAuthorization : 'something else'),
  )
  const lines: object[] = []
  const validator = validatorOn(server.port, { log: silentLog(lines) })
  const request = await requestFor(t)
  assert.deepEqual(await validator.validate(request, never), { ok: true })
  assert.deepEqual(lines, [])
  const failed = await validator.validate(request, never)
  assert.ok(!failed.ok && failed.retry)
  assert.equal(failed.problem.type, 'incorrectResponse')
  assert.equal(lines.length, 1)
  assert.doesNotMatch(JSON.stringify(lines), /something else|thumbprint/)
})

test('the default resolvers are for profiles that name none', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end(keyAuthorization))
  const request = await requestFor(t)
  const validator = validatorOn(server.port, { defaultResolvers: [...request.policy.resolvers] })
  const withoutResolvers = { ...request, policy: { ...request.policy, resolvers: [] } }
  assert.deepEqual(await validator.validate(withoutResolvers, never), { ok: true })
})

test('running out of time is an outcome that may be tried again', async (t) => {
  const { port } = await startTcpServer(t, () => {})
  const validator = validatorOn(port, { totalMilliseconds: 50 })
  for (const type of ['http-01', 'tls-alpn-01'] as const) {
    const outcome = await validator.validate(await requestFor(t, { type }), never)
    const detail = 'app.test took longer than 0.05 s to validate.'
    assert.deepEqual(outcome, { ok: false, problem: { type: 'connection', detail }, retry: true })
  }
})

test('a stop is no outcome', async (t) => {
  const controller = new AbortController()
  const { port } = await startTcpServer(t, () => controller.abort(new Error('stopping')))
  await assert.rejects(validatorOn(port).validate(await requestFor(t), controller.signal), /stopping/)
})

test('without allowedNetworks loopback is refused, finally', async (t) => {
  const server = await startHttpServer(t, (_request, response) => response.end(keyAuthorization))
  const request = await requestFor(t)
  for (const type of ['http-01', 'tls-alpn-01'] as const) {
    const policy = { ...request.policy, allowedNetworks: ['0.0.0.0/0'] }
    const outcome = await validatorOn(server.port).validate({ ...request, type, policy }, never)
    assert.ok(!outcome.ok && !outcome.retry)
    assert.match(outcome.problem.detail, /loopback/)
  }
  assert.deepEqual(server.requests, [])
})

const addressForms = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '017700000001',
  'app.127',
  '[::1]',
  '::1',
  '::ffff:127.0.0.1',
  'fe80::1%lo',
  'localhost:80',
  'app.test/..',
  'user@app.test',
  '',
]
for (const value of addressForms) {
  test(`"${value}" is not validated as a name`, async (t) => {
    const server = await startHttpServer(t, (_request, response) => response.end(keyAuthorization))
    for (const type of ['http-01', 'dns-01', 'tls-alpn-01'] as const) {
      const request = await requestFor(t, { type, identifier: { type: 'dns', value } })
      const outcome = await validatorOn(server.port).validate(request, never)
      assert.ok(!outcome.ok && !outcome.retry)
      assert.equal(outcome.problem.type, 'rejectedIdentifier')
    }
    assert.deepEqual(server.requests, [])
  })
}

test('an address identifier is not validated', async (t) => {
  const request = await requestFor(t, { identifier: { type: 'ip', value: '127.0.0.1' } })
  const outcome = await validatorOn(1).validate(request, never)
  assert.ok(!outcome.ok && !outcome.retry)
})

test('a profile with a broken network throws', async (t) => {
  const request = await requestFor(t)
  const broken = { ...request, policy: { ...request.policy, allowedNetworks: ['10.0.0.0/99'] } }
  await assert.rejects(validatorOn(1).validate(broken, never), TypeError)
})

test('proxy settings of the environment are not used', async (t) => {
  const proxy = await startTcpServer(t, (socket) => socket.end())
  const server = await startHttpServer(t, (_request, response) => response.end(keyAuthorization))
  const request = await requestFor(t)
  // In a process of its own, since Node reads these settings when it starts.
  const program = `
    import { createValidator } from ${JSON.stringify(import.meta.resolve('./validator.ts'))}
    const timeouts = { totalMilliseconds: 5000, connectMilliseconds: 2000, dnsQueryMilliseconds: 2000, dnsTries: 1 }
    const log = { info: console.error }
    const ports = { http: ${server.port}, tls: ${server.port} }
    const validator = createValidator({ ports, defaultResolvers: [], timeouts, log })
    const outcome = await validator.validate(${JSON.stringify(request)}, new AbortController().signal)
    console.log(JSON.stringify(outcome))
  `
  const proxyUrl = `http://127.0.0.1:${proxy.port}`
  const names = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']
  const env = { NODE_USE_ENV_PROXY: '1', ...Object.fromEntries(names.map((name) => [name, proxyUrl])) }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env })
  assert.deepEqual(JSON.parse(stdout), { ok: true })
  assert.equal(proxy.connections(), 0)
})
