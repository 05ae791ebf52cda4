import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { deactivateAccount } from './accounts.ts'
import { type Db, openDatabase } from './database.ts'
import { migrateToLatest } from './migrate.ts'
import { ensureEpoch, readEpoch } from './nonce-epoch.ts'
import { createOrder } from './orders.ts'
import { type NonceToSpend, spendNonce, type TargetKind } from './request.ts'
import { anAccount, anOrder, aReadyOrder, aWorld, issue } from './testing/builders.ts'
import { setClockOffset } from './testing/clock.ts'
import { cloneDatabase, openTestDatabase, type TestDatabase } from './testing/database.ts'
import { startPostgres } from './testing/postgres.ts'

async function aNonce(db: Db): Promise<NonceToSpend<never>> {
  const epoch = await ensureEpoch(db)
  return { nonce: randomBytes(16), issuedAt: new Date(), epoch, ttlSeconds: 300 }
}

async function read<Kind extends TargetKind>(
  db: Db,
  request: Pick<NonceToSpend<Kind>, 'accountId' | 'target'>,
): ReturnType<typeof spendNonce<Kind>> {
  return spendNonce(db, { ...(await aNonce(db)), ...request })
}

for (const kind of ['postgres', 'pglite'] as const) {
  suite(`on ${kind}`, () => {
    let database: TestDatabase
    let db: Db
    before(async () => {
      database = await openTestDatabase(kind)
      db = database.db
    })
    after(() => database.close())

    test('a nonce is spent once, and only young and of the current epoch', async () => {
      const nonce = await aNonce(db)

      const before = database.queryCount()
      const spent = await spendNonce(db, nonce)
      assert.equal(database.queryCount() - before, 1)
      assert.equal(spent.outcome, 'spent')
      assert.ok(Math.abs(spent.now.getTime() - Date.now()) < 5_000)
      assert.equal((await spendNonce(db, nonce)).outcome, 'replayed-or-expired')
      assert.equal((await spendNonce(db, { ...nonce, epoch: randomBytes(8) })).outcome, 'unknown-epoch')

      const { issuedAt } = nonce
      for (const [offset, outcome] of [
        [290, 'spent'],
        [310, 'replayed-or-expired'],
        [-50, 'spent'],
        [-70, 'replayed-or-expired'],
      ] as const) {
        await setClockOffset(db, offset)
        assert.equal((await spendNonce(db, { ...(await aNonce(db)), issuedAt })).outcome, outcome, `${offset} s later`)
      }
      await setClockOffset(db, 0)
    })

    test('the same statement reads the account and its own target only', async () => {
      const world = await aWorld(db)
      const { accountId } = world
      const order = anOrder(world, ['a.example.com', 'b.example.com'])
      await createOrder(db, order)
      const authorization = order.authorizations[0]!
      const challenge = authorization.challenges[0]!
      const certificateId = await issue(db, world, await aReadyOrder(db, world))

      const found = await read(db, { accountId, target: { kind: 'order', id: order.id } })
      assert.equal(found.account?.status, 'valid')
      assert.deepEqual(found.account.contacts, ['mailto:admin@example.com'])
      assert.deepEqual(found.target?.identifiers, order.identifiers)
      assert.deepEqual(found.target?.expiresAt, order.expiresAt)
      assert.deepEqual(
        found.target?.authorizations.map(({ id, identifier, status }) => ({ id, name: identifier.value, status })),
        order.authorizations.map(({ id, identifier, status }) => ({ id, name: identifier.value, status })),
      )
      assert.equal(found.target?.processingSince, undefined)

      const view = (await read(db, { accountId, target: { kind: 'authorization', id: authorization.id } })).target
      assert.deepEqual(view?.challenges.map(({ type }) => type).toSorted(), ['dns-01', 'http-01', 'tls-alpn-01'])
      const challengeView = (await read(db, { accountId, target: { kind: 'challenge', id: challenge.id } })).target
      assert.equal(challengeView?.token, challenge.token)
      assert.equal(challengeView?.authorization.id, authorization.id)
      const certificate = (await read(db, { accountId, target: { kind: 'certificate', id: certificateId } })).target
      assert.equal(certificate?.id, certificateId)
      assert.ok((certificate?.der.length ?? 0) > 300)

      const stranger = await anAccount(db)
      for (const target of [
        { kind: 'order', id: order.id },
        { kind: 'authorization', id: authorization.id },
        { kind: 'challenge', id: challenge.id },
        { kind: 'certificate', id: certificateId },
      ] as const) {
        const spent = await read(db, { accountId: stranger, target })
        assert.equal(spent.outcome, 'spent')
        assert.equal(spent.target, undefined, `${target.kind} of another account`)
      }
    })
  })
}

test('a nonce that is no good shows the account but no target', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  const world = await aWorld(db)
  const order = await aReadyOrder(db, world)
  const nonce = await aNonce(db)
  await spendNonce(db, nonce)
  const request = { ...nonce, accountId: world.accountId, target: { kind: 'order', id: order.id } as const }
  const replayed = await spendNonce(db, request)
  assert.equal(replayed.outcome, 'replayed-or-expired')
  assert.equal(replayed.account?.keyVersion, 1)
  assert.equal(replayed.target, undefined)
})

test('a deactivated account is seen as such at once', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  const id = await anAccount(db)
  assert.equal((await deactivateAccount(db, { id, actor: `acme:${id}` }))?.status, 'deactivated')
  assert.equal(await deactivateAccount(db, { id, actor: `acme:${id}` }), undefined)
  assert.equal((await read(db, { accountId: id })).account?.status, 'deactivated')
})

test('of 100 that spend one nonce at once exactly one does, ten times over', async (t) => {
  const database = await cloneDatabase({ poolSize: 50 })
  t.after(() => database.close())
  for (let round = 0; round < 10; round += 1) {
    const nonce = await aNonce(database.db)
    const spent = await Promise.all(Array.from({ length: 100 }, () => spendNonce(database.db, nonce)))
    assert.equal(spent.filter(({ outcome }) => outcome === 'spent').length, 1)
  }
})

test('processes that ask for an epoch at once agree on one', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  assert.equal(await readEpoch(database.db), undefined)
  const epochs = await Promise.all(Array.from({ length: 20 }, () => ensureEpoch(database.db)))
  assert.equal(new Set(epochs.map((epoch) => Buffer.from(epoch).toString('hex'))).size, 1)
})

test('after a crash of Postgres no nonce can be spent again, and the pool recovers by itself', async (t) => {
  const server = await startPostgres(['synchronous_commit=on'])
  t.after(() => server.stop())
  const database = await openDatabase({ url: server.url('postgres'), poolSize: 5 })
  t.after(() => database.close())
  const { db } = database
  await migrateToLatest(db)
  const spentBefore = await aNonce(db)
  const unspent = await aNonce(db)
  await Promise.all(Array.from({ length: 5 }, async () => spendNonce(db, await aNonce(db))))
  assert.equal((await spendNonce(db, spentBefore)).outcome, 'spent')

  await server.crash()
  assert.equal(await readEpoch(db), undefined)
  assert.equal((await spendNonce(db, spentBefore)).outcome, 'unknown-epoch')
  assert.equal((await spendNonce(db, unspent)).outcome, 'unknown-epoch')
  const fresh = await aNonce(db)
  assert.notDeepEqual(fresh.epoch, spentBefore.epoch)
  assert.equal((await spendNonce(db, fresh)).outcome, 'spent')
  assert.equal((await spendNonce(db, spentBefore)).outcome, 'unknown-epoch')
})
