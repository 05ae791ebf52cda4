import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { suite, test } from 'node:test'
import { retireProfile } from '../../store/profiles.ts'
import { createIssuance } from '../issuance.ts'
import { problemType, type AcmeClient } from '../testing/acme-client.ts'
import { startAcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'

for (const database of ['postgres', 'pglite'] as const) {
  suite(`on ${database}`, () => {
    test('a trusted account gets a certificate for the names of its order', async (t) => {
      const service = await startAcmeService(t, { database })
      const client = await service.register('trust')
      const order = await client.newOrder(['a.example.com', 'b.example.com'])
      assert.equal(order.status, 201)
      assert.equal(order.body.status, 'ready')
      const csr = csrFor(['a.example.com', 'b.example.com'])
      const finalized = await client.finalize(order.body, csr.der)
      assert.equal(finalized.body.status, 'valid')
      const certificate = await download(client, finalized.body.certificate)
      assert.equal(certificate.subjectAltName, 'DNS:a.example.com, DNS:b.example.com')
      assert.ok(certificate.verify(new X509Certificate(service.rootPem).publicKey))
      assert.ok(certificate.checkPrivateKey(csr.privateKey))
      assert.deepEqual((await client.order(order.location)).body, finalized.body)
      const { body: chain } = await client.certificate(finalized.body.certificate ?? '')
      assert.ok(chain.endsWith(service.rootPem), 'the issuer follows, which here is the root')
    })

    test('an account proves a name by one of the offered challenges and gets its certificate', async (t) => {
      const service = await startAcmeService(t, { database })
      const client = await service.register('challenge')
      const order = await client.newOrder(['a.example.com'])
      assert.equal(order.body.status, 'pending')
      const [url = ''] = order.body.authorizations
      const pending = await client.authorization(url)
      assert.deepEqual(pending.body.challenges.map(({ type }) => type).toSorted(), ['dns-01', 'http-01', 'tls-alpn-01'])
      const challenge = pending.body.challenges[0]
      const answered = await client.respond(challenge?.url ?? '')
      assert.equal(answered.body.status, 'valid')
      assert.match(String(answered.headers.link), /\/authz\/[^>]+>;rel="up"/)
      const valid = (await client.authorization(url)).body
      assert.equal(valid.status, 'valid')
      assert.deepEqual(
        valid.challenges.map(({ status }) => status),
        ['valid'],
        'only what was proven is shown',
      )
      const ready = await client.order(order.location)
      assert.equal(ready.body.status, 'ready')
      const finalized = await client.finalize(ready.body, csrFor(['a.example.com']).der)
      assert.equal((await download(client, finalized.body.certificate)).subject, 'CN=a.example.com')
    })
  })
}

suite('challenges', () => {
  test('of a wildcard are by DNS alone', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('challenge')
    const order = await client.newOrder(['*.example.com'])
    const { body } = await client.authorization(order.body.authorizations[0] ?? '')
    assert.equal(body.wildcard, true)
    assert.deepEqual(body.identifier, { type: 'dns', value: 'example.com' })
    assert.deepEqual(
      body.challenges.map(({ type }) => type),
      ['dns-01'],
    )
  })

  test('that fail for good make authorization and order invalid, with the reason on the challenge', async (t) => {
    const detail = 'Nobody listens there.'
    const service = await startAcmeService(t, {
      validate: () => Promise.resolve({ ok: false, retry: false, problem: { type: 'connection', detail } }),
    })
    const client = await service.register('challenge')
    const order = await client.newOrder(['a.example.com'])
    const [url = ''] = order.body.authorizations
    const [challenge] = (await client.authorization(url)).body.challenges
    const answered = await client.respond(challenge?.url ?? '')
    assert.equal(answered.body.status, 'invalid')
    assert.equal(answered.body.error?.detail, detail)
    assert.equal((await client.authorization(url)).body.status, 'invalid')
    assert.equal((await client.order(order.location)).body.status, 'invalid')
    assertRefused(await client.finalize(order.body, csrFor(['a.example.com']).der), 'orderNotReady', 403)
  })

  test('that may yet succeed stay processing, with Retry-After and the last reason', async (t) => {
    const service = await startAcmeService(t, {
      validate: () => Promise.resolve({ ok: false, retry: true, problem: { type: 'dns', detail: 'No such name.' } }),
    })
    const client = await service.register('challenge')
    const order = await client.newOrder(['a.example.com'])
    const [challenge] = (await client.authorization(order.body.authorizations[0] ?? '')).body.challenges
    const answered = await client.respond(challenge?.url ?? '')
    assert.equal(answered.body.status, 'processing')
    assert.equal(answered.headers['retry-after'], '1')
    const again = await client.respond(challenge?.url ?? '')
    assert.equal(again.body.error?.detail, 'No such name.')
    assert.equal((await client.authorization(order.body.authorizations[0] ?? '')).headers['retry-after'], '1')
  })

  test('may be answered again and again', async (t) => {
    let validations = 0
    const service = await startAcmeService(t, {
      validate() {
        validations += 1
        return Promise.resolve({ ok: true })
      },
    })
    const client = await service.register('challenge')
    const order = await client.newOrder(['a.example.com'])
    const [challenge] = (await client.authorization(order.body.authorizations[0] ?? '')).body.challenges
    for (let times = 0; times < 3; times++)
      assert.equal((await client.respond(challenge?.url ?? '')).body.status, 'valid')
    assert.equal(validations, 1)
  })

  test('of a trusted authorization need no answer and take one', async (t) => {
    const service = await startAcmeService(t, { validate: () => assert.fail('nothing is to be validated') })
    const client = await service.register('trust')
    const order = await client.newOrder(['a.example.com'])
    const { body } = await client.authorization(order.body.authorizations[0] ?? '')
    assert.equal(body.status, 'valid')
    assert.equal((await client.respond(body.challenges[0]?.url ?? '')).status, 200)
  })

  test('of a deactivated authorization are refused', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('challenge')
    const order = await client.newOrder(['a.example.com'])
    const [url = ''] = order.body.authorizations
    const [challenge] = (await client.authorization(url)).body.challenges
    assert.equal((await client.post<{ status: string }>(url, { status: 'deactivated' })).body.status, 'deactivated')
    assertRefused(await client.respond(challenge?.url ?? ''), 'malformed', 400)
    assert.equal((await client.order(order.location)).body.status, 'invalid')
  })
})

suite('finalize', () => {
  test('refuses an order that is still pending', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('challenge')
    const order = await client.newOrder(['a.example.com'])
    assertRefused(await client.finalize(order.body, csrFor(['a.example.com']).der), 'orderNotReady', 403)
  })

  test('refuses a CSR that it cannot issue, and the order stays ready for a better one', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    const bad = [
      csrFor(['b.example.com']).der,
      csrFor(['a.example.com', 'b.example.com']).der,
      csrFor([]).der,
      csrFor(['a.example.com'], { commonName: 'b.example.com' }).der,
      csrFor(['a.example.com'], { names: [{ type: 'email', value: 'a@example.com' }] }).der,
      csrFor(['a.example.com'], { names: [{ type: 'ip', value: '10.0.0.1' }] }).der,
      csrFor(['a.example.com'], { privateKey: client.key.privateKey }).der,
      csrFor(['a.example.com'], { tamper: (signature) => signature.fill(0, 10, 20) }).der,
      Buffer.from('not a CSR'),
    ]
    for (const der of bad) assertRefused(await client.finalize(order, der), 'badCSR', 400)
    assertRefused(await client.post(order.finalize, { csr: 'a=b' }), 'malformed', 400)
    assertRefused(await client.post(order.finalize, {}), 'malformed', 400)
    assert.equal((await client.finalize(order, csrFor(['a.example.com']).der)).body.status, 'valid')
  })

  test('refuses a key that none of the key usages of the profile fits', async (t) => {
    const service = await startAcmeService(t, { profiles: { trust: { keyUsages: ['keyEncipherment'] } } })
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    assertRefused(await client.finalize(order, csrFor(['a.example.com']).der), 'badCSR', 400)
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    assert.equal((await client.finalize(order, csrFor(['a.example.com'], { privateKey }).der)).body.status, 'valid')
  })

  test('gives the same certificate for the same CSR, and refuses another CSR once it has begun', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    const csr = csrFor(['a.example.com'])
    const first = await client.finalize(order, csr.der)
    const second = await client.finalize(order, csr.der)
    assert.deepEqual(second.body, first.body)
    assertRefused(await client.finalize(order, csrFor(['a.example.com']).der), 'orderNotReady', 403)
  })

  test('issues one certificate to two requests with different CSRs in a race', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    for (let round = 0; round < 20; round++) {
      const { body: order } = await client.newOrder(['a.example.com'])
      const csrs = Array.from({ length: 4 }, () => csrFor(['a.example.com']).der)
      const nonces = await Promise.all(csrs.map(() => client.freshNonce()))
      const answers = await Promise.all(
        csrs.map((der, index) => client.finalize(order, der, { nonce: nonces[index] ?? '' })),
      )
      const valid = answers.filter(({ problem }) => problem === undefined)
      assert.equal(valid.length, 1)
      for (const refused of answers.filter(({ problem }) => problem))
        assert.equal(problemType(refused), 'orderNotReady')
    }
    const { rows } = await service.db
      .selectFrom('certificates')
      .select(({ fn }) => fn.countAll<number>().as('rows'))
      .executeTakeFirstOrThrow()
    assert.equal(rows, 20)
  })

  test('answers 503 while the signing key is away, changes nothing, and issues once it is back', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order, location } = await client.newOrder(['a.example.com'])
    const csr = csrFor(['a.example.com'])
    service.setSignerAvailable(false)
    const away = await client.finalize(order, csr.der)
    assertRefused(away, 'serverInternal', 503)
    assert.ok(Number(away.headers['retry-after']) > 0)
    assert.equal((await client.order(location)).body.status, 'ready')
    service.setSignerAvailable(true)
    assert.equal((await client.finalize(order, csr.der)).body.status, 'valid')
  })

  test('that was cut off after it recorded what to sign is finished by another process with those bytes', async (t) => {
    const fault = { label: 'finalize.begun' }
    const service = await startAcmeService(t, {
      checkpoint(label) {
        if (label === fault.label) throw new Error('the process was cut off')
      },
    })
    const client = await service.register('trust')
    const { body: order, location } = await client.newOrder(['a.example.com'])
    const csr = csrFor(['a.example.com'])
    assertRefused(await client.finalize(order, csr.der), 'serverInternal', 500)
    const processing = await client.order(location)
    assert.equal(processing.body.status, 'processing')
    assert.ok(Number(processing.headers['retry-after']) > 0)
    fault.label = ''
    assert.equal(await service.deps.issuance.takeOver(), 0, 'the lease is not over')
    await service.clock.advance(31)
    assert.equal(await service.deps.issuance.takeOver(), 1)
    assert.equal((await client.finalize(order, csr.der)).body.status, 'valid')
  })

  test('that another process cannot finish keeps no other from being finished', async (t) => {
    const fault = { label: 'finalize.begun' }
    const service = await startAcmeService(t, {
      checkpoint(label) {
        if (label === fault.label) throw new Error('the process was cut off')
      },
    })
    const client = await service.register('trust')
    const orders = [await client.newOrder(['a.example.com']), await client.newOrder(['b.example.com'])]
    for (const [index, { body }] of orders.entries()) {
      const csr = csrFor([index === 0 ? 'a.example.com' : 'b.example.com'])
      assertRefused(await client.finalize(body, csr.der), 'serverInternal', 500)
    }
    await service.clock.advance(31)
    let signed = 0
    const issuance = createIssuance({
      ...service.deps,
      owner: 'another',
      leaseSeconds: 30,
      checkpoint(label) {
        if (label === 'finalize.signed' && ++signed === 1) throw new Error('the key store does not answer')
      },
    })
    assert.equal(await issuance.takeOver(), 1)
    await service.clock.advance(31)
    assert.equal(await issuance.takeOver(), 1)
  })

  test('does not begin for an account that was deactivated meanwhile', async (t) => {
    const { promise: parsed, resolve: parse } = Promise.withResolvers<void>()
    const { promise: deactivated, resolve: goOn } = Promise.withResolvers<void>()
    const service = await startAcmeService(t, {
      async checkpoint(label) {
        if (label !== 'finalize.parsed') return
        parse()
        await deactivated
      },
    })
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    const finalizing = client.finalize(order, csrFor(['a.example.com']).der)
    await parsed
    assert.equal((await client.post(client.accountUrl ?? '', { status: 'deactivated' })).status, 200)
    goOn()
    assertRefused(await finalizing, 'orderNotReady', 403)
  })

  test('outranks the expiry of an order that it had begun', async (t) => {
    const service = await startAcmeService(t, {
      profiles: { trust: { orderLifetimeSeconds: 60 } },
      checkpoint: (label) => assert.notEqual(label, 'finalize.begun'),
    })
    const client = await service.register('trust')
    const { body: order, location } = await client.newOrder(['a.example.com'])
    await client.finalize(order, csrFor(['a.example.com']).der)
    await service.clock.advance(120)
    assert.equal((await client.order(location)).body.status, 'processing')
    await service.deps.issuance.takeOver().catch(() => undefined)
  })

  test('follows the profile as it was when the order began, unless it is suspended now', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    await service.setProfile('trust', { suspended: true })
    const suspended = await client.finalize(order, csrFor(['a.example.com']).der)
    assertRefused(suspended, 'serverInternal', 503)
    assert.equal(suspended.headers['retry-after'], '300')
    assertRefused(await client.newOrder(['a.example.com']), 'serverInternal', 503)
    await service.setProfile('trust', { extendedKeyUsages: ['clientAuth'] })
    const finalized = await client.finalize(order, csrFor(['a.example.com']).der)
    const certificate = await download(client, finalized.body.certificate)
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  })

  test('and a challenge keep to the clientNetworks of their profile, made in the shared directory or not', async (t) => {
    const clientNetworks = ['10.0.0.0/8']
    const service = await startAcmeService(t, {
      profiles: { trust: {}, inner: { clientNetworks }, proven: { clientNetworks, authMode: 'Challenge' } },
      config: { trustedProxies: ['127.0.0.1'] },
    })
    const client = await service.register('')
    const inside = { headers: { 'x-forwarded-for': '10.1.2.3' } }
    const { body: order } = await client.newOrder(['a.example.com'], { profile: 'inner' }, inside)
    const csr = csrFor(['a.example.com'])
    assertRefused(await client.finalize(order, csr.der), 'unauthorized', 403)
    assert.equal((await client.finalize(order, csr.der, inside)).body.status, 'valid')
    const toProve = await client.newOrder(['a.example.com'], { profile: 'proven' }, inside)
    const [challenge] = (await client.authorization(toProve.body.authorizations[0] ?? '')).body.challenges
    assertRefused(await client.respond(challenge?.url ?? ''), 'unauthorized', 403)
    assert.equal((await client.respond(challenge?.url ?? '', inside)).body.status, 'valid')
  })

  test('and a challenge end with their profile, also where another has its name now', async (t) => {
    const service = await startAcmeService(t, { profiles: { trust: {}, gone: {}, proven: { authMode: 'Challenge' } } })
    const client = await service.register('')
    const { body: order } = await client.newOrder(['a.example.com'], { profile: 'gone' })
    const toProve = await client.newOrder(['a.example.com'], { profile: 'proven' })
    const [challenge] = (await client.authorization(toProve.body.authorizations[0] ?? '')).body.challenges
    for (const uid of ['gone', 'proven']) await retireProfile(service.db, { uid, actor: 'controller' })
    await service.db.updateTable('profiles').set({ uid: 'of an object gone' }).where('uid', '=', 'gone').execute()
    await service.setProfile('gone', {})
    assertRefused(await client.finalize(order, csrFor(['a.example.com']).der), 'orderNotReady', 403)
    assertRefused(await client.respond(challenge?.url ?? ''), 'malformed', 400)
  })

  test('refuses an order whose authorization was given up', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    await client.post(order.authorizations[0] ?? '', { status: 'deactivated' })
    assertRefused(await client.finalize(order, csrFor(['a.example.com']).der), 'orderNotReady', 403)
  })
})

suite('the validity of a certificate', () => {
  const day = 86_400_000

  test('is what the order asked for', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const notBefore = isoSeconds(service.clock.now().getTime() + day)
    const notAfter = isoSeconds(service.clock.now().getTime() + 10 * day)
    const { body: order } = await client.newOrder(['a.example.com'], { notBefore, notAfter })
    assert.deepEqual([order.notBefore, order.notAfter], [notBefore, notAfter])
    const finalized = await client.finalize(order, csrFor(['a.example.com']).der)
    const certificate = await download(client, finalized.body.certificate)
    assert.deepEqual([certificate.validFromDate, certificate.validToDate], [new Date(notBefore), new Date(notAfter)])
  })

  test('is cut to what the profile grants, and the order says so', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'], { notAfter: '2099-01-01T00:00:00Z' })
    assert.ok(Date.parse(order.notAfter ?? '') < service.clock.now().getTime() + 91 * day)
    const finalized = await client.finalize(order, csrFor(['a.example.com']).der)
    const certificate = await download(client, finalized.body.certificate)
    assert.deepEqual(certificate.validToDate, new Date(order.notAfter ?? ''))
  })

  test('is refused beyond what the profile grants where the profile says so', async (t) => {
    const validity = { defaultSeconds: 3600, maxSeconds: 7200, backdateSeconds: 0, clientNotAfter: 'Reject' } as const
    const service = await startAcmeService(t, { profiles: { trust: { validity } } })
    const client = await service.register('trust')
    assertRefused(await client.newOrder(['a.example.com'], { notAfter: '2099-01-01T00:00:00Z' }), 'malformed', 400)
  })

  test('is refused where no time is left of it', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    for (const times of [
      { notAfter: '2001-01-01T00:00:00Z' },
      { notBefore: '2099-01-01T00:00:00Z' },
      { notAfter: 'tomorrow' },
      { notBefore: 7 },
    ]) {
      assertRefused(await client.newOrder(['a.example.com'], times), 'malformed', 400)
    }
  })

  test('begins a little before it is issued, for clocks that are behind', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    const finalized = await client.finalize(order, csrFor(['a.example.com']).der)
    const certificate = await download(client, finalized.body.certificate)
    assert.ok(certificate.validFromDate.getTime() <= service.clock.now().getTime() - 299_000)
  })
})

async function download(client: AcmeClient, url: string | undefined): Promise<X509Certificate> {
  return new X509Certificate((await client.certificate(url ?? '')).body)
}

function isoSeconds(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}
