import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedPort, problemOf, startTcpServer, testDialer } from './testing/context.ts'
import { startDnsServer, zone } from './testing/dns-server.ts'

const disclosure = 'identifier'

test('connects to the address that the name resolves to', async (t) => {
  const { port } = await startTcpServer(t, (socket) => socket.end('hello'))
  const dns = await startDnsServer(t, zone({ 'A app.test': '127.0.0.1' }))
  const socket = await testDialer(dns.address).dial({ host: 'app.test', port, disclosure })
  assert.equal(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
})

test('defect 6 of others, checking one address and dialling another: only the judged one is connected to', async (t) => {
  const inner = await startTcpServer(t, (socket) => socket.end(), '127.0.0.2')
  let asked = 0
  const dns = await startDnsServer(t, (type, name) => {
    if (type !== 'A') return []
    asked += 1
    return [{ type, name, ttl: 0, data: asked === 1 ? '127.0.0.1' : '127.0.0.2' }]
  })
  const dialer = testDialer(dns.address, { allowedNetworks: ['127.0.0.1/32'] })
  const problem = await problemOf(dialer.dial({ host: 'rebind.test', port: inner.port, disclosure }))
  assert.match(problem.detail, /127\.0\.0\.1 refused the connection/)
  assert.equal(asked, 1)
  const rebound = await problemOf(dialer.dial({ host: 'rebind.test', port: inner.port, disclosure }))
  assert.match(rebound.detail, /127\.0\.0\.2 .*loopback/)
  assert.equal(inner.connections(), 0)
})

test('falls back from IPv6 to IPv4 once', async (t) => {
  const { port } = await startTcpServer(t, (socket) => socket.end())
  const dns = await startDnsServer(t, zone({ 'A app.test': '127.0.0.1', 'AAAA app.test': '::1' }))
  const dialer = testDialer(dns.address, { allowedNetworks: ['127.0.0.0/8', '::1/128'] })
  const socket = await dialer.dial({ host: 'app.test', port, disclosure })
  assert.equal(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
})

test('names both attempts when neither family connects', async (t) => {
  const dns = await startDnsServer(t, zone({ 'A app.test': ['127.0.0.1', '127.0.0.9'], 'AAAA app.test': '::1' }))
  const dialer = testDialer(dns.address, { allowedNetworks: ['127.0.0.0/8', '::1/128'] })
  const port = await closedPort()
  const problem = await problemOf(dialer.dial({ host: 'app.test', port, disclosure }))
  assert.equal(problem.type, 'connection')
  assert.ok(problem.retry)
  assert.match(problem.detail, /: ::1 .+; 127\.0\.0\.1 refused the connection\.$/)
  assert.doesNotMatch(problem.detail, /127\.0\.0\.9/)
})

test('an allowed address is used though another one of the name is refused', async (t) => {
  const { port } = await startTcpServer(t, (socket) => socket.end())
  const dns = await startDnsServer(t, zone({ 'A app.test': ['169.254.169.254', '127.0.0.1'], 'AAAA app.test': '::1' }))
  const socket = await testDialer(dns.address).dial({ host: 'app.test', port, disclosure })
  assert.equal(socket.remoteAddress, '127.0.0.1')
  socket.destroy()
})

test('a refused address is named with its network and the setting that permits it, and is final', async (t) => {
  const dns = await startDnsServer(t, zone({ 'A app.test': '10.1.2.3' }))
  const problem = await problemOf(testDialer(dns.address).dial({ host: 'app.test', port: 80, disclosure }))
  assert.deepEqual(problem, {
    type: 'connection',
    detail:
      'app.test has the address 10.1.2.3 that validation does not connect to (private (RFC 1918)); ' +
      'validation.allowedNetworks of the profile can permit its network.',
    retry: false,
  })
})

test('addresses behind a redirect are not told', async (t) => {
  const dns = await startDnsServer(t, zone({ 'A secret.corp.test': '10.1.2.3', 'A local.corp.test': '127.0.0.1' }))
  const dialer = testDialer(dns.address)
  const port = await closedPort()
  for (const host of ['secret.corp.test', 'local.corp.test', 'absent.corp.test']) {
    const problem = await problemOf(dialer.dial({ host, port, disclosure: 'redirect' }))
    assert.doesNotMatch(problem.detail, /corp|10\.1|127\.0/)
  }
})

test('an address as host is judged without asking DNS', async (t) => {
  const dns = await startDnsServer(t, () => 'SERVFAIL')
  const dialer = testDialer(dns.address)
  for (const host of ['169.254.169.254', '::1', '0:0:0:0:0:ffff:a9fe:a9fe', '64:ff9b::7f00:1']) {
    assert.equal((await problemOf(dialer.dial({ host, port: 80, disclosure }))).retry, false)
  }
  assert.deepEqual(dns.questions, [])
})

test('a lookup without an answer is a dns problem', async (t) => {
  const dns = await startDnsServer(t, zone({}))
  const problem = await problemOf(testDialer(dns.address).dial({ host: 'app.test', port: 80, disclosure }))
  assert.deepEqual(problem, { type: 'dns', detail: 'app.test does not exist in DNS (NXDOMAIN).', retry: true })
})

test('an aborted signal ends dialling with its reason', async (t) => {
  const dns = await startDnsServer(t, zone({ 'A app.test': '127.0.0.1' }))
  const dialer = testDialer(dns.address, { signal: AbortSignal.abort(new Error('shutting down')) })
  await assert.rejects(dialer.dial({ host: 'app.test', port: 80, disclosure }), /shutting down/)
})
