import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createNameResolver, type NameResolver } from './dns-resolver.ts'
import { type DnsReply, startDnsServer, zone } from './testing/dns-server.ts'

async function resolverFor(
  t: TestContext,
  answer: (type: string, name: string) => DnsReply,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ resolver: NameResolver; questions: string[] }> {
  const server = await startDnsServer(t, answer)
  const resolver = createNameResolver({ servers: [server.address], queryTimeoutMilliseconds: 50, tries: 1, signal })
  return { resolver, questions: server.questions }
}

test('addresses come IPv6 first', async (t) => {
  const { resolver } = await resolverFor(
    t,
    zone({ 'A app.test': ['10.0.0.1', '10.0.0.2'], 'AAAA app.test': 'fd00::1' }),
  )
  assert.deepEqual(await resolver.addresses('app.test'), { found: true, records: ['fd00::1', '10.0.0.1', '10.0.0.2'] })
})

test('one family suffices, even when the other family fails', async (t) => {
  const { resolver } = await resolverFor(t, (type, name) =>
    type === 'A' ? [{ type, name, data: '10.0.0.1', ttl: 1 }] : 'SERVFAIL',
  )
  assert.deepEqual(await resolver.addresses('app.test'), { found: true, records: ['10.0.0.1'] })
})

const failures: [reply: DnsReply, expected: RegExp][] = [
  ['NXDOMAIN', /^does not exist in DNS \(NXDOMAIN\)$/],
  [[], /^has no .+ record in DNS$/],
  ['SERVFAIL', /SERVFAIL/],
  ['REFUSED', /REFUSED/],
  ['silence', /no DNS server answered in time/],
]
for (const [reply, expected] of failures) {
  test(`a query answered with ${JSON.stringify(reply)} is told apart`, async (t) => {
    const { resolver } = await resolverFor(t, () => reply)
    for (const answer of [await resolver.addresses('app.test'), await resolver.texts('app.test')]) {
      assert.ok(!answer.found)
      assert.match(answer.reason, expected)
    }
  })
}

test('a failure of one family is reported rather than the absence of the other', async (t) => {
  const { resolver } = await resolverFor(t, (type) => (type === 'AAAA' ? 'SERVFAIL' : []))
  const answer = await resolver.addresses('app.test')
  assert.ok(!answer.found)
  assert.match(answer.reason, /SERVFAIL/)
})

test('a name that DNS cannot hold is no crash', async (t) => {
  const { resolver, questions } = await resolverFor(t, () => [])
  const answer = await resolver.addresses(`${'a'.repeat(64)}.test`)
  assert.deepEqual(answer, { found: false, reason: 'is not a name that DNS can hold' })
  assert.deepEqual(questions, [])
})

test('the strings of a TXT record are joined, and a CNAME in the answer is followed', async (t) => {
  const { resolver } = await resolverFor(t, (type, name) =>
    type === 'TXT'
      ? [
          { type: 'CNAME', name, data: 'elsewhere.test', ttl: 1 },
          { type: 'TXT', name: 'elsewhere.test', data: ['one', 'two'], ttl: 1 },
          { type: 'TXT', name: 'elsewhere.test', data: ['three'], ttl: 1 },
        ]
      : [],
  )
  assert.deepEqual(await resolver.texts('_acme-challenge.app.test'), { found: true, records: ['onetwo', 'three'] })
})

test('localhost is asked of the DNS server, and search domains are not tried', async (t) => {
  const { resolver, questions } = await resolverFor(t, () => 'NXDOMAIN')
  const answers = [await resolver.addresses('localhost'), await resolver.addresses('app')]
  assert.deepEqual(
    answers.map(({ found }) => found),
    [false, false],
  )
  assert.deepEqual(questions.toSorted(), ['A app', 'A localhost', 'AAAA app', 'AAAA localhost'])
})

test('an aborted signal ends a lookup with its reason', async (t) => {
  const controller = new AbortController()
  const { resolver } = await resolverFor(
    t,
    () => {
      controller.abort(new Error('shutting down'))
      return 'silence'
    },
    controller.signal,
  )
  await assert.rejects(resolver.addresses('app.test'), /shutting down/)
  await assert.rejects(resolver.texts('app.test'), /shutting down/)
})

test('IPv6 server addresses are taken, names are not', () => {
  const signal = new AbortController().signal
  const options = { queryTimeoutMilliseconds: 50, tries: 1, signal }
  assert.ok(createNameResolver({ ...options, servers: ['[::1]:5353', '10.0.0.10', 'fd00::10', '10.0.0.10:53'] }))
  assert.throws(() => createNameResolver({ ...options, servers: ['dns.example:53'] }))
})
