import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import type { AccountId } from '../../store/schema.ts'
import { startAcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'
import { generateSigningKey, signingAlgorithms } from '../testing/signing-key.ts'

suite('an account', () => {
  for (const algorithm of signingAlgorithms) {
    test(`may hold a key that signs ${algorithm}`, async (t) => {
      const service = await startAcmeService(t)
      const client = await service.register('trust', { key: generateSigningKey(algorithm) })
      assert.equal((await client.newOrder(['a.example.com'])).status, 201)
    })
  }

  test('is made once for a key, however often it is asked for, and its contacts stay', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.connect('trust')
    const made = await client.newAccount({ contact: ['mailto:admin@example.com'], termsOfServiceAgreed: true })
    assert.equal(made.status, 201)
    assert.deepEqual(made.body.contact, ['mailto:admin@example.com'])
    const again = await client.newAccount({ contact: ['mailto:other@example.com'] })
    assert.equal(again.status, 200)
    assert.equal(again.location, made.location)
    assert.deepEqual(again.body.contact, ['mailto:admin@example.com'])
  })

  test('is made once by many requests at once', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.connect('trust')
    const nonces = await Promise.all(Array.from({ length: 10 }, () => client.freshNonce()))
    const answers = await Promise.all(nonces.map((nonce) => client.newAccount({}, { nonce })))
    assert.equal(answers.filter(({ status }) => status === 201).length, 1)
    assert.equal(new Set(answers.map(({ location }) => location)).size, 1)
  })

  test('is found, and not made, with onlyReturnExisting', async (t) => {
    const service = await startAcmeService(t, {
      profiles: { trust: { meta: { termsOfService: 'https://example.com/tos' } } },
    })
    const client = await service.connect('trust')
    assertRefused(await client.newAccount({ onlyReturnExisting: true }), 'accountDoesNotExist', 400)
    const made = await client.newAccount({ termsOfServiceAgreed: true })
    const found = await client.newAccount({ onlyReturnExisting: true })
    assert.deepEqual([found.status, found.location], [200, made.location])
  })

  test('is made only with the terms of service agreed, where there are any', async (t) => {
    const termsOfService = 'https://example.com/tos'
    const service = await startAcmeService(t, { profiles: { trust: { meta: { termsOfService } } } })
    const client = await service.connect('trust')
    assert.equal(client.directory.meta?.['termsOfService'], termsOfService)
    const refused = await client.newAccount({})
    assertRefused(refused, 'userActionRequired', 403)
    assert.equal(refused.problem?.instance, termsOfService)
    assert.match(String(refused.headers.link), /rel="terms-of-service"/)
  })

  test('takes contacts that are one plain mailto address each', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const url = client.accountUrl ?? ''
    const refusals = [
      [['mailto:a@example.com,b@example.com'], 'invalidContact'],
      [['mailto:a@example.com?subject=x'], 'invalidContact'],
      [['mailto:nobody'], 'invalidContact'],
      [['mailto:a\u0000@example.com'], 'invalidContact'],
      [['tel:+491234'], 'unsupportedContact'],
      [[7], 'invalidContact'],
      ['mailto:a@example.com', 'malformed'],
      [Array(11).fill('mailto:a@example.com'), 'malformed'],
    ] as const
    for (const [contact, type] of refusals) assertRefused(await client.post(url, { contact }), type, 400)
    const updated = await client.post<{ contact: string[] }>(url, { contact: ['mailto:new@example.com'] })
    assert.deepEqual(updated.body.contact, ['mailto:new@example.com'])
    assert.deepEqual((await client.postAsGet<{ contact: string[] }>(url)).body.contact, ['mailto:new@example.com'])
    assert.equal((await client.post<{ contact?: string[] }>(url, { contact: [] })).body.contact, undefined)
  })

  test('that is deactivated can do nothing any more, nor be made again', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const order = await client.newOrder(['a.example.com'])
    const url = client.accountUrl ?? ''
    assertRefused(await client.post(url, { status: 'valid' }), 'malformed', 400)
    assert.equal((await client.post<{ status: string }>(url, { status: 'deactivated' })).body.status, 'deactivated')
    assertRefused(await client.newOrder(['a.example.com']), 'unauthorized', 401)
    assertRefused(await client.finalize(order.body, csrFor(['a.example.com']).der), 'unauthorized', 401)
    assertRefused(await client.newAccount(), 'unauthorized', 401)
  })

  test('lists its orders in pages', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const made = new Set<string>()
    for (let count = 0; count < 103; count++) made.add((await client.newOrder(['a.example.com'])).location)
    const account = await client.postAsGet<{ orders: string }>(client.accountUrl ?? '')
    const first = await client.postAsGet<{ orders: string[] }>(account.body.orders)
    assert.equal(first.body.orders.length, 100)
    const next = /<([^>]+)>;rel="next"/.exec(String(first.headers.link))?.[1] ?? assert.fail('no next page')
    const second = await client.postAsGet<{ orders: string[] }>(next)
    assert.deepEqual(new Set([...first.body.orders, ...second.body.orders]), made)
    assert.doesNotMatch(String(second.headers.link), /rel="next"/)
    assertRefused(await client.postAsGet(`${account.body.orders}?cursor=%00`), 'malformed', 400)
  })
})

suite('a directory', () => {
  test('names only what works, and the profiles', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.connect('')
    assert.deepEqual(Object.keys(client.directory).toSorted(), ['meta', 'newAccount', 'newNonce', 'newOrder'])
    assert.deepEqual(Object.keys(client.directory.meta?.['profiles'] ?? {}).toSorted(), ['challenge', 'trust'])
    for (const url of [client.directory.newNonce, client.directory.newAccount])
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/acme\//)
  })

  test('and newNonce are also read by POST-as-GET', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    assert.deepEqual((await client.postAsGet(service.directoryUrl('trust'))).body, client.directory)
    const { status, headers } = await client.postAsGet(client.directory.newNonce)
    assert.equal(status, 204)
    assert.match(String(headers['replay-nonce']), /^[A-Za-z0-9_-]{40,}$/)
  })

  test('of the default profile has accounts of its own and offers every profile', async (t) => {
    const service = await startAcmeService(t)
    const shared = await service.register('')
    assert.equal((await shared.newOrder(['a.example.com'])).body.status, 'ready')
    assert.equal((await shared.newOrder(['a.example.com'], { profile: 'challenge' })).body.status, 'pending')
    assertRefused(await shared.newOrder(['a.example.com'], { profile: 'none' }), 'invalidProfile', 400)
    assertRefused(await shared.newOrder(['a.example.com'], { profile: '\u0000' }), 'invalidProfile', 400)
    const own = await service.connect('trust', { key: shared.key })
    assertRefused(await own.newAccount({ onlyReturnExisting: true }), 'accountDoesNotExist', 400)
  })

  test('of one profile offers itself alone', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    assert.equal((await client.newOrder(['a.example.com'], { profile: 'trust' })).status, 201)
    assertRefused(await client.newOrder(['a.example.com'], { profile: 'challenge' }), 'invalidProfile', 400)
  })

  test('gives links by the external URL that the Host header selects, and never by an unknown one', async (t) => {
    const externalUrls = ['https://acme.example.com', 'https://ca.internal:8443'] as const
    const service = await startAcmeService(t, { config: { externalUrls } })
    const { transport } = await service.connect('trust')
    const newOrderFor = async (host: string) => {
      const answer = await transport.send({ method: 'GET', url: service.directoryUrl('trust'), headers: { host } })
      return (JSON.parse(answer.body.toString()) as { newOrder: string }).newOrder
    }
    const path = '/acme/profile/trust/new-order'
    assert.equal(await newOrderFor('acme.example.com'), `https://acme.example.com${path}`)
    assert.equal(await newOrderFor('ca.internal:8443'), `https://ca.internal:8443${path}`)
    assert.equal(await newOrderFor('evil.example.net'), `https://acme.example.com${path}`)
  })
})

suite('a profile', () => {
  test('with clientNetworks refuses every signed request from outside them', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const order = await client.newOrder(['a.example.com'])
    await service.setProfile('trust', { registration: 'ClientNetworks', clientNetworks: ['10.0.0.0/8'] })
    assertRefused(await client.newOrder(['a.example.com']), 'unauthorized', 403)
    assertRefused(await client.order(order.location), 'unauthorized', 403)
    assertRefused(await client.another().newAccount(), 'unauthorized', 403)
    await service.setProfile('trust', { registration: 'ClientNetworks', clientNetworks: ['127.0.0.0/8'] })
    assert.equal((await client.order(order.location)).status, 200)
  })

  test('believes X-Forwarded-For only from a trusted proxy', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    await service.setProfile('trust', { registration: 'ClientNetworks', clientNetworks: ['10.0.0.0/8'] })
    const headers = { 'x-forwarded-for': '10.1.2.3' }
    assertRefused(await client.newOrder(['a.example.com'], {}, { headers }), 'unauthorized', 403)
  })

  test('takes the address that a trusted proxy gives in any of its spellings, and stores none that is not one', async (t) => {
    const service = await startAcmeService(t, { config: { trustedProxies: ['127.0.0.1'] } })
    const client = await service.register('trust')
    for (const [written, stored] of [
      ['10.1.2.3', '10.1.2.3'],
      ['10.1.2.3:4711', '10.1.2.3'],
      ['[fd00::1]:4711', 'fd00::1'],
      ['fe80::1%eth0', 'fe80::1'],
      ['::ffff:a01:203', '10.1.2.3'],
      ['unknown', null],
    ] as const) {
      const answer = await client.another().newAccount({}, { headers: { 'x-forwarded-for': written } })
      assert.equal(answer.status, 201, `${written}: ${answer.text}`)
      const id = answer.location.split('/').at(-1) as AccountId
      const row = await service.db.selectFrom('accounts').select('created_from').where('id', '=', id).executeTakeFirst()
      assert.equal(row?.created_from, stored)
    }
  })

  test('limits new accounts by address, orders by account, and unfinished orders exactly', async (t) => {
    const hourly = (limit: number) => ({ limit, windowSeconds: 3600 })
    const rateLimits = { newAccountsPerAddress: hourly(2), newOrders: hourly(20), pendingOrders: 3 }
    const service = await startAcmeService(t, { profiles: { trust: { rateLimits } } })
    const client = await service.register('trust')
    assert.equal((await client.another().newAccount()).status, 201)
    const third = await client.another().newAccount()
    assertRefused(third, 'rateLimited', 429)
    assert.ok(Number(third.headers['retry-after']) > 0)
    assert.match(third.problem?.detail ?? '', /newAccountsPerAddress/)
    assert.equal((await client.newAccount()).status, 200, 'an account that exists is not new')

    const nonces = await Promise.all(Array.from({ length: 10 }, () => client.freshNonce()))
    const answers = await Promise.all(nonces.map((nonce) => client.newOrder(['a.example.com'], {}, { nonce })))
    const made = answers.filter(({ status }) => status === 201)
    assert.equal(made.length, 3)
    for (const refused of answers.filter(({ status }) => status !== 201)) assertRefused(refused, 'rateLimited', 429)
    for (const order of made) await client.finalize(order.body, csrFor(['a.example.com']).der)
    assert.equal((await client.newOrder(['a.example.com'])).status, 201, 'finished orders do not count')
  })

  test('counts orders in an hour, also those refused as one too many unfinished', async (t) => {
    const rateLimits = { newOrders: { limit: 4, windowSeconds: 3600 }, pendingOrders: 2 }
    const service = await startAcmeService(t, { profiles: { trust: { rateLimits } } })
    const client = await service.register('trust', { badNonceRetries: 1 })
    for (const limit of [undefined, undefined, 'pendingOrders', 'pendingOrders', 'newOrders', 'newOrders']) {
      const answer = await client.newOrder(['a.example.com'])
      if (limit === undefined) assert.equal(answer.status, 201, answer.text)
      else assert.match(answer.problem?.detail ?? '', new RegExp(limit))
    }
    await service.clock.advance(901)
    assert.match((await client.newOrder(['a.example.com'])).problem?.detail ?? '', /pendingOrders/)
  })

  test('gives back what an order took that was not made by a fault of the server', async (t) => {
    const service = await startAcmeService(t, {
      profiles: { trust: { rateLimits: { newOrders: { limit: 1, windowSeconds: 3600 } } } },
    })
    const client = await service.register('trust')
    await sql`alter table order_authorizations rename to away`.execute(service.db)
    assertRefused(await client.newOrder(['a.example.com']), 'serverInternal', 500)
    await sql`alter table away rename to order_authorizations`.execute(service.db)
    assert.equal((await client.newOrder(['a.example.com'])).status, 201)
    assertRefused(await client.newOrder(['a.example.com']), 'rateLimited', 429)
  })
})
