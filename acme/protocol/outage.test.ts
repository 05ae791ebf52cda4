import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startAcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'
import { openRelayedDatabase } from '../testing/relay.ts'

suite('while the database is away', () => {
  test('every signed request is answered 503 with Retry-After, and goes on where it was once it is back', async (t) => {
    const database = await openRelayedDatabase()
    const service = await startAcmeService(t, { database })
    const client = await service.register('trust')
    const { body: order, location } = await client.newOrder(['a.example.com'])
    const csr = csrFor(['a.example.com'])
    const nonce = await client.freshNonce()

    database.cut()
    const attempts = [
      () => client.newOrder(['a.example.com']),
      () => client.order(location),
      () => client.finalize(order, csr.der),
      () => client.another().newAccount(),
    ]
    for (const attempt of attempts) {
      const answer = await attempt()
      assertRefused(answer, 'serverInternal', 503)
      assert.ok(Number(answer.headers['retry-after']) > 0)
    }
    assert.equal((await client.get(service.directoryUrl())).status, 200, 'the directory needs no database')
    assert.equal((await client.get(client.directory.newNonce, 'HEAD')).status, 200)

    database.restore()
    assert.equal((await client.finalize(order, csr.der, { nonce })).body.status, 'valid')
  })

  test('a request that is refused on its shape is refused as ever', async (t) => {
    const database = await openRelayedDatabase()
    const service = await startAcmeService(t, { database })
    const client = await service.register('trust')
    database.cut()
    assertRefused(await client.newOrder(['a.example.com'], {}, { rawBody: '{' }), 'malformed', 400)
    database.restore()
  })
})
