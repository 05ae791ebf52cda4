import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import type { Trx } from './database.ts'
import { beginIssuance, failIssuance } from './issuance.ts'
import { defaultRetention, deleteExpired, janitorStatements, type JanitorTable } from './janitor.ts'
import { ensureEpoch } from './nonce-epoch.ts'
import { createOrder } from './orders.ts'
import { chargeBuckets } from './rate-limits.ts'
import { beat } from './replicas.ts'
import { spendNonce } from './request.ts'
import { anIntent, anOrder, aReadyOrder, aWorld, issue } from './testing/builders.ts'
import { setClockOffset } from './testing/clock.ts'
import { cloneDatabase, type TestDatabase } from './testing/database.ts'
import { checkInvariants } from './testing/invariants.ts'

const DAY = 86_400

let database: TestDatabase
before(async () => {
  database = await cloneDatabase()
})
after(() => database.close())

const options = { retention: defaultRetention, batchSize: 2 }

async function rowsLeft(...tables: string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const { rows } = await sql<{ count: number }>`select count(*) from ${sql.table(table)}`.execute(database.db)
    counts[table] = rows[0]?.count ?? 0
  }
  return counts
}

test('everything goes when its time has come, in batches, and nothing before', async () => {
  const { db } = database
  const world = await aWorld(db)
  const epoch = await ensureEpoch(db)
  const issuedAt = new Date()
  for (let count = 0; count < 5; count += 1) {
    await issue(db, world, await aReadyOrder(db, world, ['a.example.com', 'b.example.com']))
    await createOrder(db, anOrder(world))
    await spendNonce(db, { nonce: Buffer.from([count]), issuedAt, epoch, ttlSeconds: 300 })
    await chargeBuckets(db, [{ key: `k${count}`, emissionIntervalMs: 1000, burst: 10, cost: 1 }])
  }
  const failed = await aReadyOrder(db, world)
  await beginIssuance(db, (await anIntent(world, failed)).intent)
  await failIssuance(db, { orderId: failed.id, owner: 'replica-1', error: {}, actor: failed.actor })
  await beat(db, { id: 'replica-1', version: 1, missingIssuers: [] })
  const stuck = await aReadyOrder(db, world)
  await beginIssuance(db, (await anIntent(world, stuck)).intent)

  const nothing = {
    used_nonces: 0,
    rate_limit_buckets: 0,
    certificates: 0,
    issuance_intents: 0,
    orders: 0,
    authorizations: 0,
    audit_events: 0,
    replicas: 0,
  }
  assert.deepEqual(await deleteExpired(db, options), nothing)

  await setClockOffset(db, 2 * 3600)
  const afterHours = { ...nothing, used_nonces: 5, rate_limit_buckets: 5 }
  assert.deepEqual(await deleteExpired(db, options), afterHours)

  await setClockOffset(db, 9 * DAY)
  await beat(db, { id: 'replica-2', version: 1, missingIssuers: [] })
  const afterDays = { ...nothing, issuance_intents: 5, orders: 6, authorizations: 16, replicas: 1 }
  assert.deepEqual(await deleteExpired(db, options), afterDays)
  assert.deepEqual(
    await rowsLeft(
      'orders',
      'certificates',
      'issuance_intents',
      'authorizations',
      'challenges',
      'order_authorizations',
    ),
    { orders: 6, certificates: 5, issuance_intents: 1, authorizations: 1, challenges: 0, order_authorizations: 1 },
    'the certificates with their orders, and the order that has begun to issue',
  )
  await checkInvariants(db)

  await setClockOffset(db, 400 * DAY)
  assert.deepEqual(await deleteExpired(db, options), { ...nothing, certificates: 5, replicas: 1 })
  assert.deepEqual(await rowsLeft('orders', 'certificates'), { orders: 1, certificates: 0 })

  await setClockOffset(db, 800 * DAY)
  const { audit_events: events } = await rowsLeft('audit_events')
  assert.deepEqual(await deleteExpired(db, options), { ...nothing, audit_events: events })
  await setClockOffset(db, 0)
})

test('an abort stops between batches', async () => {
  const signal = AbortSignal.abort()
  assert.equal((await deleteExpired(database.db, { ...options, signal })).orders, 0)
})

test('no statement of the janitor reads a whole table', async () => {
  const { db } = database
  const world = await aWorld(db)
  await fill(world.accountId, world.revisionId, world.issuerCertificateId)
  const statements = janitorStatements(defaultRetention, 100)
  await db.transaction().execute(async (trx) => {
    // Not even where the planner may choose.
    for (const setting of ['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) {
      await sql`set local ${sql.ref(setting)} = on`.execute(trx)
    }
    for (const table of Object.keys(statements) as JanitorTable[]) {
      const { rows } = await sql<{ 'QUERY PLAN': string }>`explain (costs off) ${statements[table]}`.execute(trx)
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      assert.doesNotMatch(plan, /Seq Scan/, `${table}:\n${plan}`)
      assert.match(plan, /Index.* Scan/)
    }
    const before = await sequentialScans(trx)
    for (const statement of Object.values(statements)) assert.ok((await statement.execute(trx)).rows.length > 0)
    assert.deepEqual(await sequentialScans(trx), before, 'nor does any cascade')
  })
})

/** Of this connection, a moment before the transaction included. */
async function sequentialScans(trx: Trx): Promise<unknown[]> {
  const { rows } = await sql`select relname, seq_scan from pg_stat_xact_user_tables order by relname`.execute(trx)
  return rows
}

/** 20,000 rows in each table, of which a few have expired. */
async function fill(accountId: string, revisionId: string, issuerCertificateId: string): Promise<void> {
  const { db } = database
  const rows = sql`generate_series(1, 20000) as n, lateral (
    select 'fill-' || n as id, now() - interval '30 days' + n * interval '5 minutes' as at
  ) x`
  await sql`insert into used_nonces select decode(md5(id), 'hex'), at from ${rows}`.execute(db)
  await sql`insert into rate_limit_buckets select id, at, at from ${rows}`.execute(db)
  await sql`insert into audit_events (at, actor, action, resource_type, resource_id)
    select at - interval '2 years', 'a', 'b', 'c', id from ${rows}`.execute(db)
  await sql`insert into replicas select id, at, 1, '{}' from ${rows}`.execute(db)
  await sql`insert into orders (id, account_id, profile_revision_id, identifiers, created_at, expires_at)
    select id, ${accountId}, ${revisionId}, '[{}]', at, at from ${rows}`.execute(db)
  await sql`insert into authorizations (id, account_id, profile_revision_id, identifier_type, identifier_value, wildcard,
      status, expires_at, validated_at)
    select id, ${accountId}, ${revisionId}, 'dns', id, false, 'valid', at, at from ${rows}`.execute(db)
  await sql`insert into order_authorizations select id, id from ${rows} where n % 2 = 0`.execute(db)
  await sql`insert into challenges (id, authorization_id, type, token)
    select id, id, 'http-01', id from ${rows}`.execute(db)
  await sql`insert into issuance_intents (order_id, created_at, issuer_certificate_id, crl_shard, serial_number, csr_sha256,
      tbs_der)
    select id, at, ${issuerCertificateId}, 0, decode(md5(id), 'hex'), '', '' from ${rows} where n % 2 = 0`.execute(db)
  await sql`insert into certificates (id, order_id, account_id, profile_revision_id, issuer_certificate_id, crl_shard,
      serial_number, public_key_sha256, not_before, not_after, der)
    select id, id, ${accountId}, ${revisionId}, ${issuerCertificateId}, 0, decode(md5(id), 'hex'), '',
      at - interval '2 years', at - interval '1 year', '' from ${rows} where n % 2 = 0`.execute(db)
  await sql`update orders set certificate_id = id where id in (select order_id from certificates)`.execute(db)
  await sql`analyze`.execute(db)
}
