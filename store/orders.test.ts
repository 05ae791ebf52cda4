import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import {
  deactivateAuthorization,
  findAuthorizationView,
  findReusableAuthorizations,
  holdsAuthorizations,
  insertAuthorization,
} from './authorizations.ts'
import { beginChallenge, completeChallenge } from './challenges.ts'
import type { Db } from './database.ts'
import { createOrder, findOrderView, listOrders } from './orders.ts'
import type { AccountId } from './schema.ts'
import {
  anAccount,
  anAuthorization,
  anOrder,
  aReadyOrder,
  aWorld,
  issue,
  tomorrow,
  type World,
} from './testing/builders.ts'
import { setClockOffset } from './testing/clock.ts'
import { cloneDatabase, type TestDatabase } from './testing/database.ts'
import { checkInvariants } from './testing/invariants.ts'

const DAY = 86_400

let database: TestDatabase
let db: Db
let world: World
before(async () => {
  database = await cloneDatabase({ poolSize: 50 })
  db = database.db
  world = await aWorld(db)
})
after(async () => {
  await checkInvariants(db)
  await database.close()
})

function createFor(accountId: AccountId, pendingLimit: number) {
  return createOrder(db, anOrder(world, ['www.example.com'], { accountId, pendingLimit }))
}

test('an order with its authorizations, challenges and audit event is one round trip', async () => {
  const order = anOrder(world, ['a.example.com', 'b.example.com', 'c.example.com'])
  const queries = database.queryCount()
  assert.deepEqual(await createOrder(db, order), { outcome: 'created' })
  assert.equal(database.queryCount() - queries, 1)
  const view = await findOrderView(db, order)
  assert.deepEqual(view?.authorizations.length, 3)
})

test('an order of another account is not found', async () => {
  const order = await aReadyOrder(db, world)
  const accountId = await anAccount(db)
  assert.equal(await findOrderView(db, { id: order.id, accountId }), undefined)
  const { id } = order.authorizations[0]!
  assert.equal(await findAuthorizationView(db, { id, accountId }), undefined)
  assert.equal(await deactivateAuthorization(db, { id, accountId }), false)
})

test('the limit of unfinished orders is exact under 50 requests at once', async () => {
  const accountId = await anAccount(db)
  const results = await Promise.all(Array.from({ length: 50 }, () => createFor(accountId, 10)))
  const refused = results.filter(({ outcome }) => outcome === 'too-many-pending')
  assert.equal(refused.length, 40)
  assert.deepEqual(refused[0], { outcome: 'too-many-pending', pending: 10 })
})

test('orders that ended do not count against the limit', async (t) => {
  const accountId = await anAccount(db)
  const ownWorld = { ...world, accountId }
  await issue(db, ownWorld, await aReadyOrder(db, ownWorld))
  assert.deepEqual(await createFor(accountId, 1), { outcome: 'created' })
  assert.deepEqual(await createFor(accountId, 1), { outcome: 'too-many-pending', pending: 1 })

  t.after(() => setClockOffset(db, 0))
  await setClockOffset(db, 2 * DAY)
  const later = { accountId, pendingLimit: 1, expiresAt: new Date(tomorrow().getTime() + 3 * DAY * 1000) }
  const authorizations = [anAuthorization('www.example.com', { expiresAt: later.expiresAt })]
  const order = anOrder(world, ['www.example.com'], { ...later, authorizations })
  assert.deepEqual(await createOrder(db, order), { outcome: 'created' }, 'an expired order')
  assert.equal((await createFor(accountId, 1)).outcome, 'too-many-pending')
  await deactivateAuthorization(db, { id: authorizations[0]!.id, accountId })
  assert.deepEqual(await createFor(accountId, 1), { outcome: 'created' }, 'one without hope')
})

test('a limit beyond the number of connections is as exact, and costs a second round trip only when near', async () => {
  const accountId = await anAccount(db)
  const { rows } = await sql<{ connections: number }>`
    select current_setting('max_connections')::integer as connections`.execute(db)
  const limit = rows[0]!.connections + 20
  const queries = database.queryCount()
  assert.equal((await createFor(accountId, limit)).outcome, 'created')
  assert.equal(database.queryCount() - queries, 1)
  const results = await Promise.all(Array.from({ length: limit + 50 }, () => createFor(accountId, limit)))
  assert.equal(results.filter(({ outcome }) => outcome === 'created').length, limit - 1)
})

test('who is near the limit counts what others are about to commit', async () => {
  const accountId = await anAccount(db)
  let last: Promise<unknown> | undefined
  await db.transaction().execute(async (trx) => {
    await createOrder(trx, anOrder(world, ['www.example.com'], { accountId, pendingLimit: 1_000_000 }))
    let settled = false
    last = createFor(accountId, 1).finally(() => (settled = true))
    while (!settled && !(await somebodyWaits())) await setImmediate()
  })
  assert.deepEqual(await last, { outcome: 'too-many-pending', pending: 1 })
})

async function somebodyWaits(): Promise<boolean> {
  const { rows } = await sql`select from pg_locks where locktype = 'advisory' and not granted`.execute(db)
  return rows.length > 0
}

test('orders of different accounts do not wait for each other', async () => {
  const [one, other] = [await anAccount(db), await anAccount(db)]
  await db.transaction().execute(async (trx) => {
    await createOrder(trx, anOrder(world, ['www.example.com'], { accountId: one, pendingLimit: 1 }))
    assert.deepEqual(await createFor(other, 1), { outcome: 'created' })
  })
})

test('an authorization is reused under its own profile only', async () => {
  const accountId = await anAccount(db)
  const otherWorld = await aWorld(db)
  const authorization = anAuthorization('reused.example.com', { status: 'valid' })
  const owned = { accountId, profileRevisionId: world.revisionId, actor: `acme:${accountId}` }
  await insertAuthorization(db, { ...authorization, ...owned })

  const names = ['reused.example.com', 'other.example.com']
  const found = await findReusableAuthorizations(db, { ...owned, names })
  assert.deepEqual(found, [
    {
      id: authorization.id,
      identifier: authorization.identifier,
      wildcard: false,
      status: 'valid',
      expiresAt: authorization.expiresAt,
    },
  ])
  const elsewhere = { accountId, profileRevisionId: otherWorld.revisionId, names }
  assert.deepEqual(await findReusableAuthorizations(db, elsewhere), [])

  const changes = { accountId, authorizations: [], reusedAuthorizations: [authorization.id] }
  const order = anOrder(world, ['reused.example.com'], changes)
  await createOrder(db, order)
  assert.deepEqual((await findOrderView(db, order))?.authorizations, found)

  const thief = anOrder(world, ['reused.example.com'], { ...changes, accountId: await anAccount(db) })
  await createOrder(db, thief)
  assert.deepEqual((await findOrderView(db, thief))?.authorizations, [], 'not that of another account')
})

test('who holds a valid authorization for every name may revoke', async () => {
  const accountId = await anAccount(db)
  const holds = (...names: string[]) =>
    holdsAuthorizations(
      db,
      accountId,
      names.map((value) => ({ type: 'dns', value, wildcard: false })),
    )
  await aReadyOrder(db, { ...world, accountId }, ['a.example.com', 'b.example.com'])
  assert.equal(await holds('a.example.com', 'b.example.com'), true)
  assert.equal(await holds('a.example.com', 'c.example.com'), false)
  assert.equal(await holds(), false)
})

test('a deactivated authorization stays so, whatever its challenge proves', async () => {
  const order = anOrder(world)
  await createOrder(db, order)
  const { id, challenges } = order.authorizations[0]!
  const challenge = { id: challenges[0]!.id, owner: 'worker' }
  assert.equal(await beginChallenge(db, { ...challenge, leaseSeconds: 60 }), true)
  assert.equal(await deactivateAuthorization(db, { id, accountId: world.accountId }), true)
  assert.equal(await completeChallenge(db, { ...challenge, outcome: { status: 'valid' } }), true)
  const view = await findAuthorizationView(db, { id, accountId: world.accountId })
  assert.equal(view?.status, 'deactivated')
  assert.equal(await beginChallenge(db, { id: challenges[1]!.id, owner: 'worker', leaseSeconds: 60 }), false)
})

test('the list of orders is paged, newest first, without those that failed or expired', async (t) => {
  const accountId = await anAccount(db)
  const ownWorld = { ...world, accountId }
  const created: string[] = []
  for (let count = 0; count < 5; count += 1) {
    const order = await aReadyOrder(db, ownWorld)
    if (count < 3) await issue(db, ownWorld, order)
    created.unshift(order.id)
  }
  const first = await listOrders(db, accountId, { limit: 2 })
  const second = await listOrders(db, accountId, { after: first.at(-1)!, limit: 10 })
  assert.deepEqual([...first, ...second], created)

  t.after(() => setClockOffset(db, 0))
  await setClockOffset(db, 2 * DAY)
  assert.deepEqual(await listOrders(db, accountId, { limit: 10 }), created.slice(2))
})
