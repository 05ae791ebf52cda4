import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { problemType } from '../testing/acme-client.ts'
import { startAcmeService } from '../testing/acme-service.ts'
import { assertRefused } from '../testing/refused.ts'

suite('a nonce', () => {
  test('comes with every answer, and every answer but the directory leads back to it', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const answers = [
      await client.get(client.directory.newNonce, 'HEAD'),
      await client.get(client.directory.newNonce),
      await client.newOrder(['a.example.com']),
      await client.newOrder(['..']),
      await client.get(service.url),
      await client.get(client.directory.newOrder),
      await client.post(client.directory.newOrder, {}, { rawBody: 'x'.repeat(100_000) }),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 204, 201, 400, 404, 405, 413],
    )
    for (const { headers } of answers) {
      assert.match(String(headers['replay-nonce']), /^[A-Za-z0-9_-]{40,}$/)
      assert.match(String(headers.link), /rel="index"/)
      assert.equal(headers['cache-control'], 'no-store')
    }
    const directory = await client.get(service.directoryUrl())
    assert.ok(directory.headers['replay-nonce'])
    assert.equal(directory.headers.link, undefined)
  })

  test('is good once, also for a hundred requests at once', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const nonce = await client.freshNonce()
    const url = client.accountUrl ?? ''
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.postAsGet(url, { nonce })))
    const refused = answers.filter(({ status }) => status !== 200)
    assert.equal(refused.length, 99)
    for (const answer of refused) assertRefused(answer, 'badNonce', 400)
  })

  test('is good for any resource of the server and for no longer than its time', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const other = await service.register('challenge')
    assert.equal((await other.newOrder(['a.example.com'], {}, { nonce: await client.freshNonce() })).status, 201)
    const old = await client.freshNonce()
    await service.clock.advance(301)
    assertRefused(await client.newOrder(['a.example.com'], {}, { nonce: old }), 'badNonce', 400)
    assert.equal((await client.newOrder(['a.example.com'])).status, 201, 'the refusal brought a good one')
  })

  test('is not burnt by a stranger who sends it with a signature that does not hold', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const nonce = await client.freshNonce()
    const forged = await client.newOrder(['a.example.com'], {}, { nonce, tamper: (signature) => signature.fill(0) })
    assert.equal(problemType(forged), 'malformed')
    assert.equal((await client.newOrder(['a.example.com'], {}, { nonce })).status, 201)
  })

  test('is refused after the database lost what it knew of nonces, and the next one is good', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const spent = await client.freshNonce()
    assert.equal((await client.newOrder(['a.example.com'], {}, { nonce: spent })).status, 201)
    await service.db.deleteFrom('used_nonces').execute()
    await service.db.deleteFrom('nonce_epoch').execute()
    assertRefused(await client.newOrder(['a.example.com'], {}, { nonce: spent }), 'badNonce', 400)
    assert.equal((await client.newOrder(['a.example.com'])).status, 201)
  })
})
