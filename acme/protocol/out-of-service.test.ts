import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openTestDatabase } from '../../store/testing/database.ts'
import { routes } from '../routes.ts'
import { startAcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'

suite('while the process must not serve', () => {
  test('every endpoint is answered 503 with Retry-After and a nonce, and the database is left alone', async (t) => {
    const database = await openTestDatabase('postgres')
    const service = await startAcmeService(t, { database })
    const client = await service.register('trust')
    service.setUnavailable('its last beat was nine seconds ago')
    const before = database.queryCount()
    for (const base of ['/acme', '/acme/profile/trust', '/acme/profile/none']) {
      for (const { method, path } of routes) {
        const url = service.url + base + path.replace(':id', 'A'.repeat(22))
        const answer = await (method === 'GET' ? client.get(url) : client.post(url, {}))
        assertRefused(answer, 'serverInternal', 503)
        assert.equal(answer.headers['retry-after'], '5', path)
        assert.doesNotMatch(answer.text, /beat/, 'the reason is for the log')
      }
    }
    assert.equal(database.queryCount(), before)
    assert.ok(service.log.some(({ fields }) => String(fields['err']).includes('its last beat was nine seconds ago')))
  })

  test('nothing is lost: what was begun goes on afterwards, with the nonce that the refusal carried', async (t) => {
    const service = await startAcmeService(t)
    const client = await service.register('trust')
    const { body: order } = await client.newOrder(['a.example.com'])
    const { der } = csrFor(['a.example.com'])
    service.setUnavailable('out of date')
    const refused = await client.finalize(order, der)
    assertRefused(refused, 'serverInternal', 503)
    service.setUnavailable(undefined)
    const nonce = String(refused.headers['replay-nonce'])
    assert.equal((await client.finalize(order, der, { nonce })).body.status, 'valid')
  })
})
