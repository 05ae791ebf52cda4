import assert from 'node:assert/strict'
import { after, before, beforeEach, suite, test } from 'node:test'
import { listAudit } from './audit.ts'
import { deactivateAuthorization } from './authorizations.ts'
import { findCertificateBySerial, findCertificateView, revokeCertificate } from './certificates.ts'
import type { Db } from './database.ts'
import { isUniqueViolation } from './errors.ts'
import {
  beginIssuance,
  claimExpiredIntents,
  completeIssuance,
  failIssuance,
  findIntent,
  releaseIntents,
} from './issuance.ts'
import { createOrder, findOrderView } from './orders.ts'
import {
  anAuthorization,
  anIntent,
  anOrder,
  aReadyOrder,
  aWorld,
  issue,
  validateOrder,
  type World,
} from './testing/builders.ts'
import { setClockOffset } from './testing/clock.ts'
import { openTestDatabase, type TestDatabase } from './testing/database.ts'
import { checkInvariants } from './testing/invariants.ts'

const error = { type: 'urn:ietf:params:acme:error:serverInternal', detail: 'the key is gone' }

for (const kind of ['postgres', 'pglite'] as const) {
  suite(`on ${kind}`, () => {
    let database: TestDatabase
    let db: Db
    let world: World
    before(async () => {
      database = await openTestDatabase(kind)
      db = database.db
    })
    beforeEach(async () => {
      await setClockOffset(db, 0)
      world = await aWorld(db)
    })
    after(async () => {
      await checkInvariants(db)
      await database.close()
    })

    const claim = (owner: string, limit = 100) => claimExpiredIntents(db, { owner, leaseSeconds: 30, limit })

    test('an order is validated, issued and stored, each step in one round trip', async () => {
      const order = anOrder(world, ['a.example.com', 'b.example.com'])
      await createOrder(db, order)
      const { intent, certificate } = await anIntent(world, order)
      assert.equal(await beginIssuance(db, intent), false, 'while its authorizations are pending')
      await validateOrder(db, order)

      const queries = database.queryCount()
      assert.equal(await beginIssuance(db, intent), true)
      const begun = await findOrderView(db, order)
      assert.deepEqual(Buffer.from(begun?.csrSha256 ?? []), Buffer.from(intent.csrSha256))
      assert.ok(begun?.processingSince instanceof Date)
      const completion = { orderId: order.id, owner: intent.owner, certificate, actor: order.actor }
      assert.equal(await completeIssuance(db, completion), certificate.id)
      assert.equal(database.queryCount() - queries, 3)

      assert.equal((await findOrderView(db, order))?.certificateId, certificate.id)
      const stored = await findCertificateView(db, { id: certificate.id, accountId: world.accountId })
      assert.deepEqual(Buffer.from(stored?.der ?? []), Buffer.from(certificate.der))
      const [event] = await listAudit(db, { limit: 1 })
      assert.deepEqual([event?.action, event?.resource_id], ['certificate.issue', certificate.id])
    })

    test('of two that begin an order at once one does', async () => {
      const order = await aReadyOrder(db, world)
      const intents = await Promise.all([
        anIntent(world, order, { owner: 'a' }),
        anIntent(world, order, { owner: 'b' }),
      ])
      const begun = await Promise.all(intents.map(({ intent }) => beginIssuance(db, intent)))
      assert.equal(begun.filter(Boolean).length, 1)
      const winner = intents[begun.indexOf(true)]!
      assert.deepEqual(Buffer.from((await findIntent(db, order.id))?.tbsDer ?? []), Buffer.from(winner.intent.tbsDer))
      await completeIssuance(db, {
        orderId: order.id,
        owner: winner.intent.owner,
        certificate: winner.certificate,
        actor: order.actor,
      })
    })

    test('an order that is not ready, or of another account, is not begun', async (t) => {
      const { accountId } = world
      const deactivated = await aReadyOrder(db, world)
      await deactivateAuthorization(db, { id: deactivated.authorizations[0]!.id, accountId })
      const incomplete = anOrder(world, ['a.example.com', 'b.example.com'], {
        authorizations: [anAuthorization('a.example.com', { status: 'valid' })],
      })
      await createOrder(db, incomplete)
      const expired = anOrder(world, ['www.example.com'], {
        authorizations: [anAuthorization('www.example.com', { status: 'valid' })],
        expiresAt: new Date(0),
      })
      await createOrder(db, expired)
      for (const order of [deactivated, incomplete, expired]) {
        assert.equal(await beginIssuance(db, (await anIntent(world, order)).intent), false)
      }
      const ready = anOrder(world, ['www.example.com'], {
        authorizations: [anAuthorization('www.example.com', { status: 'valid' })],
        expiresAt: new Date('2100-01-01T00:00:00Z'),
      })
      await createOrder(db, ready)
      const stranger = (await aWorld(db)).accountId
      assert.equal(await beginIssuance(db, (await anIntent(world, ready, { accountId: stranger })).intent), false)
      t.after(() => setClockOffset(db, 0))
      await setClockOffset(db, 2 * 86_400)
      assert.equal(
        await beginIssuance(db, (await anIntent(world, ready)).intent),
        false,
        'with an authorization that expired',
      )
    })

    test('one who does not own the intent changes nothing', async () => {
      const order = await aReadyOrder(db, world)
      const { intent, certificate } = await anIntent(world, order)
      await beginIssuance(db, intent)
      const completion = { orderId: order.id, certificate, actor: order.actor }
      assert.equal(await completeIssuance(db, { ...completion, owner: 'stranger' }), undefined)
      assert.equal(await failIssuance(db, { ...completion, owner: 'stranger', error }), false)
      assert.equal((await findOrderView(db, order))?.certificateId, undefined)
      assert.equal(await completeIssuance(db, { ...completion, owner: intent.owner }), certificate.id)
      assert.equal(await completeIssuance(db, { ...completion, owner: intent.owner }), certificate.id, 'again')
    })

    test('what its owner left is taken over, and the owner that comes back gets the one certificate', async () => {
      const order = await aReadyOrder(db, world)
      const { intent, certificate } = await anIntent(world, order)
      await beginIssuance(db, intent)
      assert.deepEqual(await claim('b'), [])
      await setClockOffset(db, 31)
      const [claimed] = await claim('b')
      assert.deepEqual(Buffer.from(claimed?.tbsDer ?? []), Buffer.from(intent.tbsDer))
      assert.deepEqual([claimed?.orderId, claimed?.accountId], [order.id, world.accountId])
      assert.deepEqual(await claim('c'), [])
      const completion = { orderId: order.id, certificate, actor: order.actor }
      assert.equal(await completeIssuance(db, { ...completion, owner: 'b' }), certificate.id)
      const late = (await anIntent(world, order)).certificate
      const lateCompletion = { ...completion, certificate: late, owner: intent.owner }
      assert.equal(await completeIssuance(db, lateCompletion), certificate.id)
      await setClockOffset(db, 100)
      assert.deepEqual(await claim('c'), [], 'what is finished is never claimed')
    })

    test('what an owner releases is claimed at once', async () => {
      const order = await aReadyOrder(db, world)
      const { intent, certificate } = await anIntent(world, order)
      await beginIssuance(db, intent)
      assert.equal(await releaseIntents(db, intent.owner), 1)
      assert.equal((await claim('b'))[0]?.orderId, order.id)
      await completeIssuance(db, { orderId: order.id, owner: 'b', certificate, actor: order.actor })
    })

    test('two that claim at once never get the same intent', async () => {
      const orders = await Promise.all(Array.from({ length: 20 }, () => aReadyOrder(db, world)))
      const issuing = await Promise.all(
        orders.map(async (order) => ({ order, ...(await anIntent(world, order, { owner: 'gone', leaseSeconds: 1 })) })),
      )
      await Promise.all(issuing.map(({ intent }) => beginIssuance(db, intent)))
      await setClockOffset(db, 2)
      const owners = Array.from({ length: 10 }, (_, index) => (index % 2 ? 'a' : 'b'))
      const claims = await Promise.all(owners.map(async (owner) => ({ owner, intents: await claim(owner, 2) })))
      const claimed = claims.flatMap(({ owner, intents }) => intents.map(({ orderId }) => ({ owner, orderId })))
      for (const { orderId } of await claim('a')) claimed.push({ owner: 'a', orderId })
      assert.deepEqual(
        claimed.map(({ orderId }) => orderId).toSorted(),
        issuing.map(({ order }) => order.id).toSorted(),
      )
      for (const { owner, orderId } of claimed) {
        const { order, certificate } = issuing.find((one) => one.order.id === orderId)!
        assert.equal(await completeIssuance(db, { orderId, owner, certificate, actor: order.actor }), certificate.id)
      }
    })

    test('an order that failed stays so', async () => {
      const order = await aReadyOrder(db, world)
      const { intent, certificate } = await anIntent(world, order)
      await beginIssuance(db, intent)
      const end = { orderId: order.id, owner: intent.owner, actor: order.actor }
      assert.equal(await failIssuance(db, { ...end, error }), true)
      assert.deepEqual((await findOrderView(db, order))?.error, error)
      assert.equal(await completeIssuance(db, { ...end, certificate }), undefined)
      assert.equal(await failIssuance(db, { ...end, error }), false)
    })

    test('a serial number is used once', async () => {
      const [one, other] = [await aReadyOrder(db, world), await aReadyOrder(db, world)]
      const { intent, certificate } = await anIntent(world, one)
      await beginIssuance(db, intent)
      const repeated = (await anIntent(world, other, { serialNumber: intent.serialNumber })).intent
      await assert.rejects(beginIssuance(db, repeated), (thrown) =>
        isUniqueViolation(thrown, 'issuance_intents_serial_number_key'),
      )
      await completeIssuance(db, { orderId: one.id, owner: intent.owner, certificate, actor: one.actor })
    })

    test('a certificate is revoked once', async () => {
      const id = await issue(db, world, await aReadyOrder(db, world))
      const revocation = { id, reason: 4, actor: 'admin:root' }
      const revoked = await Promise.all([revokeCertificate(db, revocation), revokeCertificate(db, revocation)])
      assert.equal(revoked.filter(Boolean).length, 1)
      const view = await findCertificateView(db, { id, accountId: world.accountId })
      assert.equal(view?.revocationReason, 4)
      assert.equal((await findCertificateBySerial(db, view.serialNumber))?.id, id)
      assert.equal(await findCertificateView(db, { id, accountId: (await aWorld(db)).accountId }), undefined)
    })
  })
}
