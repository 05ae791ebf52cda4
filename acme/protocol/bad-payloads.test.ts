import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { shareAcmeService, startAcmeService, type AcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'

const badIdentifiers: readonly (readonly [what: string, identifier: unknown, type: string, status: number])[] = [
  ['an empty name', { type: 'dns', value: '' }, 'malformed', 400],
  ['a name of 254 octets', { type: 'dns', value: `aa.${'a.'.repeat(120)}example.com` }, 'malformed', 400],
  ['a label of 64 octets', { type: 'dns', value: `${'a'.repeat(64)}.example.com` }, 'malformed', 400],
  ['a trailing dot', { type: 'dns', value: 'a.example.com.' }, 'malformed', 400],
  ['two dots', { type: 'dns', value: 'a..example.com' }, 'malformed', 400],
  ['a leading hyphen', { type: 'dns', value: '-a.example.com' }, 'malformed', 400],
  ['an underscore', { type: 'dns', value: '_a.example.com' }, 'malformed', 400],
  ['a U-label', { type: 'dns', value: 'bücher.example.com' }, 'malformed', 400],
  ['a broken A-label', { type: 'dns', value: 'xn--\u0080.example.com' }, 'malformed', 400],
  ['a wildcard in the middle', { type: 'dns', value: 'a.*.example.com' }, 'malformed', 400],
  ['two wildcards', { type: 'dns', value: '*.*.example.com' }, 'malformed', 400],
  ['a wildcard of everything', { type: 'dns', value: '*' }, 'malformed', 400],
  ['a port', { type: 'dns', value: 'a.example.com:443' }, 'malformed', 400],
  ['a URL', { type: 'dns', value: 'https://a.example.com' }, 'malformed', 400],
  ['an IPv4 literal', { type: 'dns', value: '10.0.0.1' }, 'malformed', 400],
  ['an IPv4 literal as one number', { type: 'dns', value: '2130706433' }, 'malformed', 400],
  ['an IPv4 literal in hex', { type: 'dns', value: '0x7f000001' }, 'malformed', 400],
  ['an IPv6 literal', { type: 'dns', value: '[::1]' }, 'malformed', 400],
  ['a NUL', { type: 'dns', value: 'a\u0000.example.com' }, 'malformed', 400],
  ['a lone surrogate', { type: 'dns', value: '\ud800.example.com' }, 'malformed', 400],
  ['a name outside the policy', { type: 'dns', value: 'a.example.net' }, 'rejectedIdentifier', 403],
  ['an address', { type: 'ip', value: '10.0.0.1' }, 'unsupportedIdentifier', 400],
  ['a type nobody knows', { type: 'email', value: 'a@example.com' }, 'unsupportedIdentifier', 400],
  ['no type', { value: 'a.example.com' }, 'malformed', 400],
  ['a number', 7, 'malformed', 400],
  ['null', null, 'malformed', 400],
]

suite('newOrder refuses, and stores nothing for', () => {
  const shared = shareAcmeService()

  for (const [what, identifier, type, status] of badIdentifiers) {
    test(what, async () => {
      const service = shared()
      const client = await service.register('trust')
      assertRefused(await client.post(client.directory.newOrder, { identifiers: [identifier] }), type, status)
      assert.equal(await countOrders(service), 0)
    })
  }

  test('no identifiers at all, or too many', async () => {
    const service = shared()
    const client = await service.register('trust')
    for (const identifiers of [undefined, [], {}, 'a.example.com']) {
      assertRefused(await client.post(client.directory.newOrder, { identifiers }), 'malformed', 400)
    }
    const names = Array.from({ length: 101 }, (_, index) => `n${index}.example.com`)
    const answer = await client.newOrder(names)
    assertRefused(answer, 'malformed', 400)
    assert.equal(await countOrders(service), 0)
  })

  test('several names of which two are bad, and says so of each', async () => {
    const service = shared()
    const client = await service.register('trust')
    const answer = await client.newOrder(['a.example.com', 'a.example.net', 'a.example.org'])
    assertRefused(answer, 'rejectedIdentifier', 403)
    assert.deepEqual(
      answer.problem?.subproblems?.map(({ identifier }) => identifier.value),
      ['a.example.net', 'a.example.org'],
    )
  })
})

test('newOrder refuses what the name constraints of the CA forbid, before anything is proven', async (t) => {
  const service = await startAcmeService(t, { nameConstraints: { permitted: { dns: ['in.example.com'] } } })
  const client = await service.register('challenge')
  const refused = await client.newOrder(['a.in.example.com', 'a.out.example.com'])
  assertRefused(refused, 'rejectedIdentifier', 403)
  assert.match(refused.problem?.detail ?? '', /a\.out\.example\.com/)
  assert.equal((await client.newOrder(['a.in.example.com', '*.in.example.com'])).status, 201)
})

test('a hundred of the longest names fit into a CSR', async (t) => {
  const service = await startAcmeService(t)
  const client = await service.register('trust')
  const names = Array.from(
    { length: 100 },
    (_, index) => `${`${String(index).padStart(62, 'a')}.`.repeat(3)}example.com`,
  )
  const order = await client.newOrder(names)
  assert.equal((await client.finalize(order.body, csrFor(names).der)).body.status, 'valid')
})

test('names are compared and issued in lower case', async (t) => {
  const service = await startAcmeService(t)
  const client = await service.register('trust')
  const { body } = await client.newOrder(['A.Example.COM', 'a.example.com'])
  assert.deepEqual(body.identifiers, [{ type: 'dns', value: 'a.example.com' }])
})

test('a member that is null is one that was left out', async (t) => {
  const service = await startAcmeService(t)
  const client = await service.connect('trust')
  t.after(() => client.close())
  const account = await client.newAccount({ contact: null, onlyReturnExisting: null, externalAccountBinding: null })
  assert.equal(account.status, 201, account.text)
  const order = await client.newOrder(['a.example.com'], { notBefore: null, notAfter: null, profile: null })
  assert.equal(order.status, 201, order.text)
  assertRefused(await client.post(client.directory.newOrder, { identifiers: null }), 'malformed', 400)
  assertRefused(await client.post(order.body.finalize, { csr: null }), 'malformed', 400)
})

suite('a payload that is no JSON object is refused by', () => {
  const shared = shareAcmeService()

  const payloads = ['', '[]', '7', '"x"', 'null', '{', '{"a":1,"a":2}', '['.repeat(10_000)]
  for (const endpoint of ['newOrder', 'finalize'] as const) {
    test(endpoint, async () => {
      const service = shared()
      const client = await service.register('trust')
      const order = await client.newOrder(['a.example.com'])
      const orders = await countOrders(service)
      const url = endpoint === 'finalize' ? order.body.finalize : client.directory.newOrder
      for (const payload of payloads) {
        const encodedPayload = Buffer.from(payload).toString('base64url')
        assertRefused(await client.post(url, {}, { encodedPayload }), 'malformed', 400)
      }
      assert.equal(await countOrders(service), orders)
    })
  }

  test('a POST-as-GET, whose payload must be empty', async () => {
    const service = shared()
    const client = await service.register('trust')
    const order = await client.newOrder(['a.example.com'])
    assertRefused(await client.post(order.location, {}), 'malformed', 400)
  })
})

async function countOrders({ db }: AcmeService): Promise<number> {
  const { rows } = await db
    .selectFrom('orders')
    .select(({ fn }) => fn.countAll<number>().as('rows'))
    .executeTakeFirstOrThrow()
  return rows
}
