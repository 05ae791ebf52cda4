import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { checkDns01 } from './dns-01.ts'
import { createNameResolver } from './dns-resolver.ts'
import { problemOf } from './testing/context.ts'
import { type DnsReply, startDnsServer } from './testing/dns-server.ts'

const keyAuthorization = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI'
// printf %s "$keyAuthorization" | openssl dgst -sha256 -binary | basenc --base64url | tr -d =
const digest = 'lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM'

async function check(t: TestContext, reply: DnsReply): Promise<string[]> {
  const server = await startDnsServer(t, () => reply)
  const signal = new AbortController().signal
  const resolver = createNameResolver({ servers: [server.address], queryTimeoutMilliseconds: 50, tries: 1, signal })
  await checkDns01(resolver, {
    type: 'dns-01',
    identifier: { type: 'dns', value: 'app.test' },
    token: 'unused',
    keyAuthorization,
    policy: { resolvers: [], allowedNetworks: [] },
  })
  return server.questions
}

function txt(...records: (string | string[])[]): DnsReply {
  return records.map((data) => ({ type: 'TXT', name: '_acme-challenge.app.test', ttl: 1, data }))
}

test('the digest is accepted, and asked for below _acme-challenge only', async (t) => {
  assert.deepEqual(await check(t, txt(digest)), ['TXT _acme-challenge.app.test'])
})

test('any one of several records may be the digest', async (t) => {
  await check(t, txt('other', digest, 'v=spf1 -all'))
})

test('a record of several strings is read as one', async (t) => {
  await check(t, txt([digest.slice(0, 20), digest.slice(20)]))
})

test('other records are counted, not repeated', async (t) => {
  const one = await problemOf(check(t, txt('secret of the zone')))
  assert.deepEqual(one, {
    type: 'incorrectResponse',
    detail: '_acme-challenge.app.test has one TXT record, which is not the digest of the key authorization.',
    retry: true,
  })
  const two = await problemOf(check(t, txt(keyAuthorization, ` ${digest}`)))
  assert.match(two.detail, /has 2 TXT records, none of which is the digest/)
})

const failures: [reply: DnsReply, detail: RegExp][] = [
  ['NXDOMAIN', /^_acme-challenge\.app\.test does not exist in DNS \(NXDOMAIN\)\.$/],
  [[], /^_acme-challenge\.app\.test has no TXT record in DNS\.$/],
  ['SERVFAIL', /SERVFAIL/],
]
for (const [reply, detail] of failures) {
  test(`${JSON.stringify(reply)} is a dns problem that may pass`, async (t) => {
    const problem = await problemOf(check(t, reply))
    assert.equal(problem.type, 'dns')
    assert.match(problem.detail, detail)
    assert.ok(problem.retry)
  })
}
