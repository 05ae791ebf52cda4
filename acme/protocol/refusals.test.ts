import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { before, suite, test } from 'node:test'
import type { AcmeClient, RequestOptions } from '../testing/acme-client.ts'
import { shareAcmeService, startAcmeService, type AcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'
import { generateSigningKey } from '../testing/signing-key.ts'
import { routes } from '../routes.ts'

interface Refusal {
  readonly name: string
  readonly wrong: (client: AcmeClient, url: string) => RequestOptions
  readonly type: string
  readonly status: number
  /** Of these endpoints only; otherwise of all that are signed. */
  readonly of?: 'account' | 'newAccount'
}

const stranger = generateSigningKey()

const refusals: readonly Refusal[] = [
  { name: 'another content type', wrong: () => ({ contentType: 'application/json' }), type: 'malformed', status: 415 },
  { name: 'no JSON', wrong: () => ({ rawBody: 'certificate, please' }), type: 'malformed', status: 400 },
  { name: 'an empty body', wrong: () => ({ rawBody: '' }), type: 'malformed', status: 400 },
  { name: 'a byte order mark', wrong: () => ({ rawBody: '\uFEFF{}' }), type: 'malformed', status: 400 },
  {
    name: 'octets that are not UTF-8',
    wrong: () => ({ rawBody: Buffer.from([0x7b, 0xff, 0x7d]) }),
    type: 'malformed',
    status: 400,
  },
  { name: 'a body of a megabyte', wrong: () => ({ rawBody: 'x'.repeat(1_000_000) }), type: 'malformed', status: 413 },
  {
    name: 'a compressed body',
    wrong: () => ({ headers: { 'content-encoding': 'gzip' } }),
    type: 'malformed',
    status: 415,
  },
  { name: 'an unprotected header', wrong: () => ({ unprotectedHeader: { kid: 'x' } }), type: 'malformed', status: 400 },
  { name: 'a signatures array', wrong: () => ({ extraMembers: { signatures: [] } }), type: 'malformed', status: 400 },
  { name: 'crit', wrong: () => ({ extraProtected: { crit: ['exp'] } }), type: 'malformed', status: 400 },
  { name: 'an unencoded payload', wrong: () => ({ extraProtected: { b64: false } }), type: 'malformed', status: 400 },
  { name: 'a padded payload', wrong: () => ({ encodedPayload: 'e30=' }), type: 'malformed', status: 400 },
  { name: 'alg none', wrong: () => ({ alg: 'none' }), type: 'badSignatureAlgorithm', status: 400 },
  { name: 'alg HS256', wrong: () => ({ alg: 'HS256' }), type: 'badSignatureAlgorithm', status: 400 },
  { name: 'alg ES384 with a P-256 key', wrong: () => ({ alg: 'ES384' }), type: 'badSignatureAlgorithm', status: 400 },
  {
    name: 'both jwk and kid',
    wrong: (client) => ({ embedJwk: true, keepKid: true, kid: client.accountUrl ?? 'x' }),
    type: 'malformed',
    status: 400,
  },
  { name: 'a signature of another key', wrong: () => ({ signWith: stranger }), type: 'malformed', status: 400 },
  {
    name: 'a changed signature',
    wrong: () => ({ tamper: (signature) => signature.fill(1, 0, 4) }),
    type: 'malformed',
    status: 400,
  },
  {
    name: 'the url of another resource',
    wrong: (_client, url) => ({ withUrl: `${url}x` }),
    type: 'unauthorized',
    status: 403,
  },
  {
    name: 'the url of another host',
    wrong: (_client, url) => ({ withUrl: url.replace('127.0.0.1', 'localhost') }),
    type: 'unauthorized',
    status: 403,
  },
  { name: 'no url', wrong: () => ({ withoutUrl: true }), type: 'malformed', status: 400 },
  { name: 'no nonce', wrong: () => ({ withoutNonce: true }), type: 'badNonce', status: 400 },
  { name: 'a nonce that nobody minted', wrong: () => ({ nonce: 'A'.repeat(54) }), type: 'badNonce', status: 400 },
  { name: 'a nonce that is not base64url', wrong: () => ({ nonce: 'a+b/c=' }), type: 'malformed', status: 400 },
  {
    name: 'a kid',
    wrong: (client) => ({ embedJwk: false, kid: client.accountUrl ?? 'x' }),
    type: 'malformed',
    status: 400,
    of: 'newAccount',
  },
  {
    name: 'a private jwk',
    wrong: () => ({ embedJwk: { ...stranger.privateKey.export({ format: 'jwk' }) }, signWith: stranger }),
    type: 'badPublicKey',
    status: 400,
    of: 'newAccount',
  },
  { name: 'a jwk', wrong: () => ({ embedJwk: true }), type: 'malformed', status: 400, of: 'account' },
  {
    name: 'the kid of nobody',
    wrong: (client) => ({ kid: client.accountUrl?.replace(/[^/]{22}$/, 'A'.repeat(22)) ?? '' }),
    type: 'accountDoesNotExist',
    status: 400,
    of: 'account',
  },
  {
    name: 'a kid of another host',
    wrong: (client) => ({ kid: client.accountUrl?.replace('127.0.0.1', 'localhost') ?? '' }),
    type: 'accountDoesNotExist',
    status: 400,
    of: 'account',
  },
  {
    name: 'a kid of another directory',
    wrong: (client) => ({ kid: client.accountUrl?.replace('/trust/', '/challenge/') ?? '' }),
    type: 'accountDoesNotExist',
    status: 400,
    of: 'account',
  },
  {
    name: 'a kid with a path behind it',
    wrong: (client) => ({ kid: `${client.accountUrl}/orders` }),
    type: 'accountDoesNotExist',
    status: 400,
    of: 'account',
  },
]

suite('a signed request is refused for', () => {
  const shared = shareAcmeService()
  let client: AcmeClient
  let urls: ReadonlyMap<string, string>

  before(async () => {
    client = await shared().register('trust')
    urls = await resourceUrls(client)
  })

  for (const refusal of refusals) {
    for (const route of routes.filter(({ method }) => method === 'POST')) {
      if (refusal.of !== undefined && (refusal.of === 'newAccount') !== (route.endpoint === 'newAccount')) continue
      if (refusal.name === 'both jwk and kid' && route.endpoint === 'newAccount') continue
      test(`${refusal.name}: ${route.endpoint}`, async () => {
        const stored = await countRows(shared())
        const url = urls.get(route.endpoint) ?? assert.fail(`no URL for ${route.endpoint}`)
        const identity = route.endpoint === 'newAccount' ? { embedJwk: true } : {}
        const answer = await client.post(url, {}, { ...identity, ...refusal.wrong(client, url) })
        assertRefused(answer, refusal.type, refusal.status)
        assert.deepEqual(await countRows(shared()), stored, 'nothing is stored')
      })
    }
  }
})

/** One existing resource behind every signed endpoint. */
async function resourceUrls(client: AcmeClient): Promise<ReadonlyMap<string, string>> {
  const order = await client.newOrder(['a.example.com'])
  const [authorization = ''] = order.body.authorizations
  const challenges = (await client.authorization(authorization)).body.challenges
  const done = await client.newOrder(['b.example.com'])
  const finalized = await client.finalize(done.body, csrFor(['b.example.com']).der)
  return new Map([
    ['directory', client.directory.newNonce.replace('new-nonce', 'directory')],
    ['newNonce', client.directory.newNonce],
    ['newAccount', client.directory.newAccount],
    ['account', client.accountUrl ?? ''],
    ['orders', `${client.accountUrl}/orders`],
    ['newOrder', client.directory.newOrder],
    ['order', order.location],
    ['finalize', order.body.finalize],
    ['authorization', authorization],
    ['challenge', challenges[0]?.url ?? ''],
    ['certificate', finalized.body.certificate ?? ''],
  ])
}

async function countRows({ db }: AcmeService): Promise<unknown> {
  const count = async (table: 'accounts' | 'orders' | 'authorizations' | 'certificates' | 'audit_events') =>
    (
      await db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll().as('rows'))
        .executeTakeFirstOrThrow()
    ).rows
  return Promise.all([
    count('accounts'),
    count('orders'),
    count('authorizations'),
    count('certificates'),
    count('audit_events'),
  ])
}

suite('a request without a signature', () => {
  test('is refused with 405 and Allow where the resource is read by POST-as-GET', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const openToAll = new Set(routes.filter(({ method }) => method === 'GET').map(({ endpoint }) => endpoint))
    for (const [endpoint, url] of await resourceUrls(client)) {
      if (openToAll.has(endpoint)) continue
      const answer = await client.get(url)
      assertRefused(answer, 'malformed', 405)
      assert.equal(answer.headers.allow, 'POST', endpoint)
    }
    const answer = await client.get(client.directory.newNonce, 'DELETE')
    assertRefused(answer, 'malformed', 405)
    assert.equal(answer.headers.allow, 'GET, HEAD, POST')
  })

  test('is answered in absolute form as in origin form, whatever authority it names', async (t) => {
    const service = await startAcmeService(t)
    for (const authority of ['elsewhere.example.net', 'a:99999999', 'user@:1']) {
      const path = `http://${authority}/acme/directory`
      const [response] = (await once(get(service.url, { path }), 'response')) as [IncomingMessage]
      response.resume()
      assert.equal(response.statusCode, 200, path)
    }
  })

  test('is refused with 404 at an unknown path or profile', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.connect('trust')
    for (const path of [
      '/',
      '/acme',
      '/acme/nothing',
      '/acme/profile/none/directory',
      '/acme/profile/trust/x',
      '/acme/profile/%00/directory',
      '/Acme/profile/trust/directory',
      '/acme/Profile/trust/directory',
      '/acme/profile/trust/order/%00',
      '/acme/profile/%E0%A4%A/directory',
    ]) {
      const answer = await client.get(service.url + path)
      assert.ok(answer.status === 404 || answer.status === 405 || answer.status === 400, `${path}: ${answer.text}`)
      assertRefused(answer, 'malformed', answer.status)
    }
  })
})

suite('a resource that the account does not have is not found', () => {
  const shared = shareAcmeService()
  const ids = ['A'.repeat(22), 'short', `${'A'.repeat(21)}%00`, '..', 'A'.repeat(2000)]
  for (const kind of ['order', 'authz', 'challenge', 'cert']) {
    for (const id of ids) {
      test(`${kind}/${id.slice(0, 30)}`, async () => {
        const service = shared()
        const client = await service.register('trust')
        const answer = await client.postAsGet(`${service.url}/acme/profile/trust/${kind}/${id}`)
        assert.ok([404, 403, 405].includes(answer.status), answer.text)
        assertRefused(answer, answer.status === 403 ? 'unauthorized' : 'malformed', answer.status)
      })
    }
  }
})
