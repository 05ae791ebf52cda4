import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { suite, test } from 'node:test'
import type { AcmeClient } from '../testing/acme-client.ts'
import { startAcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'

/** Defects that other ACME servers of this kind have been found to have. Each test would fail on the one that had it. */
suite('defects of others that this server must not have', () => {
  test('1: any account downloads any certificate and reads any authorization by its id', async (t) => {
    const service = await startAcmeService(t)
    const owner = await service.register('trust')
    const other = await service.register('trust')
    const { body: order, location } = await owner.newOrder(['a.example.com'])
    const [authorization = ''] = order.authorizations
    const [challenge] = (await owner.authorization(authorization)).body.challenges
    const { body: finalized } = await owner.finalize(order, csrFor(['a.example.com']).der)
    for (const url of [location, authorization, challenge?.url ?? '', finalized.certificate ?? '']) {
      assertRefused(await other.postAsGet(url), 'malformed', 404)
    }
    assertRefused(await other.post(authorization, { status: 'deactivated' }), 'malformed', 404)
    assertRefused(await other.finalize(order, csrFor(['a.example.com']).der), 'malformed', 404)
    assertRefused(await other.postAsGet(owner.accountUrl ?? ''), 'unauthorized', 403)
    assertRefused(await other.post(owner.accountUrl ?? '', { status: 'deactivated' }), 'unauthorized', 403)
    assertRefused(await other.postAsGet(`${owner.accountUrl}/orders`), 'unauthorized', 403)
  })

  test('2: names of a CSR that the order has not, and its subject, end up in the certificate', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    const hidden = [
      { type: 'ip', value: '10.0.0.1' },
      { type: 'email', value: 'root@example.com' },
      { type: 'uri', value: 'spiffe://example.com/admin' },
      { type: 'other', value: '060a2b060104018237140203a0020c00' },
    ] as const
    for (const name of hidden)
      assertRefused(await client.finalize(order, csrFor(['a.example.com'], { names: [name] }).der), 'badCSR', 400)
    const subject = [{ oid: '2.5.4.10', value: 'Somebody Else Inc' }]
    const { body: finalized } = await client.finalize(order, csrFor(['a.example.com'], { subject }).der)
    assert.equal((await download(client, finalized.certificate)).subject, 'CN=a.example.com')
  })

  test('3: only http-01 is ever offered', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('challenge')
    const { body: order } = await client.newOrder(['a.example.com'])
    const { body } = await client.authorization(order.authorizations[0] ?? '')
    assert.deepEqual(body.challenges.map(({ type }) => type).toSorted(), ['dns-01', 'http-01', 'tls-alpn-01'])
  })

  test('5: two requests at once finalize one order twice, or validate one challenge twice', async (t) => {
    let validations = 0
    const service = await startAcmeService(t, {
      validate() {
        validations += 1
        return Promise.resolve({ ok: true })
      },
    })
    const client = await service.register('challenge')
    const { body: order } = await client.newOrder(['a.example.com'])
    const [challenge] = (await client.authorization(order.authorizations[0] ?? '')).body.challenges
    const nonces = await Promise.all(Array.from({ length: 10 }, () => client.freshNonce()))
    await Promise.all(nonces.map((nonce) => client.respond(challenge?.url ?? '', { nonce })))
    assert.equal(validations, 1)
    const csr = csrFor(['a.example.com'])
    const more = await Promise.all(Array.from({ length: 10 }, () => client.freshNonce()))
    const answers = await Promise.all(more.map((nonce) => client.finalize(order, csr.der, { nonce })))
    const certificates = answers.map(({ body }) => body.certificate).filter((url) => url !== undefined)
    assert.equal(new Set(certificates).size, 1)
    const { events } = await service.db
      .selectFrom('audit_events')
      .select(({ fn }) => fn.countAll<number>().as('events'))
      .where('action', '=', 'certificate.issue')
      .executeTakeFirstOrThrow()
    assert.equal(events, 1)
  })

  test('7: errors come without a nonce, a Link, or with rateLimited a Retry-After', async (t) => {
    const rateLimits = { newOrders: { limit: 1, windowSeconds: 3600 } }
    const service = await startAcmeService(t, { profiles: { trust: { rateLimits } } })
    const client = await service.register('trust')
    await client.newOrder(['a.example.com'])
    const limited = await client.newOrder(['a.example.com'])
    assertRefused(limited, 'rateLimited', 429)
    assert.ok(Number(limited.headers['retry-after']) > 3000)
  })

  test('8: links are http behind a proxy that ends TLS', async (t) => {
    const service = await startAcmeService(t, { config: { externalUrls: ['https://acme.example.com'] } })
    const client = await service.connect('trust')
    for (const url of [client.directory.newOrder, client.directory.newNonce, client.directory.newAccount]) {
      assert.match(url, /^https:\/\/acme\.example\.com\//)
    }
  })

  test('9: what the directory or an object names answers 404, or is asked for and not enforced', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const account = await client.postAsGet<{ orders: string }>(client.accountUrl ?? '')
    assert.equal((await client.postAsGet(account.body.orders)).status, 200)
    assert.equal(client.directory.meta?.['externalAccountRequired'], undefined)
    for (const absent of ['newAuthz', 'revokeCert', 'keyChange', 'renewalInfo'] as const)
      assert.equal(client.directory[absent], undefined)
    const unsolicited = await client.another().newAccount({ externalAccountBinding: {} })
    assertRefused(unsolicited, 'malformed', 400)
  })

  test('10: notBefore and notAfter are echoed but not applied, and nothing is backdated', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const notAfter = `${new Date(service.clock.now().getTime() + 86_400_000).toISOString().slice(0, 19)}Z`
    const { body: order } = await client.newOrder(['a.example.com'], { notAfter })
    const { body: finalized } = await client.finalize(order, csrFor(['a.example.com']).der)
    const certificate = await download(client, finalized.certificate)
    assert.deepEqual(certificate.validToDate, new Date(notAfter))
    assert.ok(certificate.validFromDate.getTime() < service.clock.now().getTime() - 290_000)
  })

  test('11: one key has one account over all profiles', async (t) => {
    const service = await startAcmeService(t)
    const first = await service.register('trust')
    const second = await service.register('challenge', { key: first.key })
    assert.notEqual(first.accountUrl?.split('/').at(-1), second.accountUrl?.split('/').at(-1))
    assertRefused(await second.post(first.directory.newOrder, {}), 'accountDoesNotExist', 400)
  })

  test('12: a validation dies with its process', async (t) => {
    let isDying = true
    const { promise: completed, resolve: complete } = Promise.withResolvers<void>()
    const service = await startAcmeService(t, {
      checkpoint(label) {
        if (isDying && label === 'validation.claimed') throw new Error('the process died')
        if (label === 'validation.completed') complete()
      },
    })
    const client = await service.register('challenge', { badNonceRetries: 1 })
    const { body: order } = await client.newOrder(['a.example.com'])
    const [url = ''] = order.authorizations
    const [challenge] = (await client.authorization(url)).body.challenges
    assert.equal((await client.respond(challenge?.url ?? '')).body.status, 'processing')
    isDying = false
    await service.clock.advance(61)
    service.deps.validation.start()
    await completed
    assert.equal((await client.authorization(url)).body.status, 'valid')
  })

  test('15: a weak key, or the one of the account, gets a certificate', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    assertRefused(
      await client.finalize(order, csrFor(['a.example.com'], { privateKey: client.key.privateKey }).der),
      'badCSR',
      400,
    )
    await service.setProfile('p384', { keyPolicy: [{ algorithm: 'ECDSA', curves: ['P-384'] }] })
    const strict = await service.register('p384')
    const { body: strictOrder } = await strict.newOrder(['a.example.com'])
    const refused = await strict.finalize(strictOrder, csrFor(['a.example.com']).der)
    assertRefused(refused, 'badCSR', 400)
    assert.match(refused.problem?.detail ?? '', /P-384/)
  })
})

async function download(client: AcmeClient, url: string | undefined): Promise<X509Certificate> {
  return new X509Certificate((await client.certificate(url ?? '')).body)
}
