import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { suite, test, type TestContext } from 'node:test'
import { openTestDatabase } from '../../store/testing/database.ts'
import type { IssuerCeilings } from '../policy.ts'
import type { AcmeClient } from '../testing/acme-client.ts'
import { startAcmeService, type AcmeService } from '../testing/acme-service.ts'
import { csrFor } from '../testing/csr.ts'
import { assertRefused } from '../testing/refused.ts'

const day = 86_400

/** Profiles in the namespace `certctl`, and an Issuer in that one or another. */
async function aService(
  t: TestContext,
  issuerNamespace: string,
  ceilings: IssuerCeilings,
): Promise<{ service: AcmeService; client: AcmeClient }> {
  const service = await startAcmeService(t, { issuerNamespace })
  service.setCeilings(ceilings)
  return { service, client: await service.register('trust') }
}

suite('the ceilings of an Issuer', () => {
  test('refuse names that they do not permit, though the profile does', async (t) => {
    const { client } = await aService(t, 'pki', { dns: ['*.example.com'] })
    const refused = await client.newOrder(['a.example.com', 'a.b.example.com'])
    assertRefused(refused, 'rejectedIdentifier', 403)
    assert.match(
      refused.problem?.detail ?? '',
      /a\.b\.example\.com.*the Issuer's allowedProfiles\.ceilings\.identifiers/,
    )
    assert.equal((await client.newOrder(['a.example.com', '*.example.com'])).status, 201)
  })

  test('refuse a way of authorizing that they do not permit', async (t) => {
    const { service, client } = await aService(t, 'pki', { authModes: ['Challenge'] })
    const refused = await client.newOrder(['a.example.com'])
    assertRefused(refused, 'unauthorized', 403)
    assert.match(refused.problem?.detail ?? '', /TrustAuthenticated.*the Issuer's allowedProfiles\.ceilings\.authModes/)
    assert.equal((await (await service.register('challenge')).newOrder(['a.example.com'])).status, 201)
  })

  test('shorten certificates, and the order says so', async (t) => {
    const { service, client } = await aService(t, 'pki', { maxValiditySeconds: 2 * day })
    const latest = service.clock.now().getTime() + 2 * day * 1000
    for (const times of [{}, { notAfter: '2099-01-01T00:00:00Z' }]) {
      const { body: order } = await client.newOrder(['a.example.com'], times)
      const { body } = await client.finalize(order, csrFor(['a.example.com']).der)
      const { validToDate } = new X509Certificate((await client.certificate(body.certificate ?? '')).body)
      if (order.notAfter !== undefined) assert.deepEqual(validToDate, new Date(order.notAfter))
      assert.ok(Math.abs(validToDate.getTime() - latest) < 600_000, validToDate.toISOString())
    }
  })

  test('do not bind a profile of its own namespace', async (t) => {
    const { client } = await aService(t, 'certctl', { dns: [], authModes: [], maxValiditySeconds: 1 })
    const { body: order } = await client.newOrder(['a.example.com'])
    assert.equal((await client.finalize(order, csrFor(['a.example.com']).der)).body.status, 'valid')
  })

  test('hold for an order that began before them, and leave it ready', async (t) => {
    const { service, client } = await aService(t, 'pki', {})
    const { body: order, location } = await client.newOrder(['a.example.com'], { notAfter: '2099-01-01T00:00:00Z' })
    const { der } = csrFor(['a.example.com'])
    service.setCeilings({ dns: ['b.example.com'] })
    assertRefused(await client.finalize(order, der), 'rejectedIdentifier', 403)
    service.setCeilings({ authModes: ['Challenge'] })
    assertRefused(await client.finalize(order, der), 'unauthorized', 403)
    assert.equal((await client.order(location)).body.status, 'ready')

    service.setCeilings({ dns: ['a.example.com'], maxValiditySeconds: day })
    const { body } = await client.finalize(order, der)
    const { validToDate } = new X509Certificate((await client.certificate(body.certificate ?? '')).body)
    assert.ok(validToDate.getTime() <= service.clock.now().getTime() + day * 1000)
  })

  test('cost no round trip', async (t) => {
    const roundTrips = async (issuerNamespace: string): Promise<number> => {
      const database = await openTestDatabase('postgres')
      const service = await startAcmeService(t, { database, issuerNamespace })
      service.setCeilings({ dns: ['**.example.com'], authModes: ['TrustAuthenticated'], maxValiditySeconds: day })
      const client = await service.register('trust')
      const before = database.queryCount()
      const { body: order } = await client.newOrder(['a.example.com'])
      await client.finalize(order, csrFor(['a.example.com']).der)
      return database.queryCount() - before
    }
    assert.equal(await roundTrips('pki'), await roundTrips('certctl'))
  })
})
