import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { insertAudit, listAudit } from './audit.ts'
import { openDatabase } from './database.ts'
import { isUnavailable, isUniqueViolation } from './errors.ts'
import { ensureServerKey } from './server-keys.ts'
import { cloneDatabase, openTestDatabase } from './testing/database.ts'

for (const kind of ['postgres', 'pglite'] as const) {
  test(`values and violations come back from ${kind} as their types promise`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const instant = new Date('2026-07-01T12:34:56.789Z')
    const octets = Uint8Array.of(0, 255, 10)
    const { rows } = await sql<{ at: Date; octets: Uint8Array; count: number; list: string[]; json: unknown }>`
      select ${instant}::timestamptz as at, ${octets}::bytea as octets, count(*) as count, ${['a', 'b']}::text[] as list,
        ${JSON.stringify([{ a: 1 }])}::jsonb as json
      from accounts`.execute(database.db)
    const [row] = rows
    assert.deepEqual(row?.at, instant)
    assert.deepEqual(Uint8Array.from(row.octets), octets)
    assert.equal(row.count, 0)
    assert.deepEqual(row.list, ['a', 'b'])
    assert.deepEqual(row.json, [{ a: 1 }])

    const insert = () =>
      sql`insert into server_keys (name, key) values ('a', decode(repeat('00', 32), 'hex'))`.execute(database.db)
    await insert()
    await assert.rejects(insert(), (error) => {
      assert.ok(isUniqueViolation(error))
      assert.ok(isUniqueViolation(error, 'server_keys_pkey'))
      assert.ok(!isUniqueViolation(error, 'accounts_key_key'))
      return true
    })
  })
}

test('a connection that the server ends is replaced, whether idle or at work', async (t) => {
  const database = await cloneDatabase({ poolSize: 3 })
  t.after(() => database.close())
  const { db } = database
  const working = Promise.allSettled([1, 2].map(() => sql`select pg_sleep(60)`.execute(db)))
  await terminateOthers(database.url ?? '', 2)
  for (const { status, ...result } of await working) {
    assert.equal(status, 'rejected')
    assert.ok('reason' in result && isUnavailable(result.reason))
  }
  await Promise.all([1, 2, 3].map(() => sql`select pg_backend_pid()`.execute(db)))
  await terminateOthers(database.url ?? '', 3)
  for (let attempt = 0; attempt < 4; attempt += 1) await sql`select 1`.execute(db).catch(assertUnavailable)
  await Promise.all([1, 2, 3].map(() => sql`select 1`.execute(db)))
})

/** Waits until that many connections of the application are at the server, then ends them. */
async function terminateOthers(url: string, expected: number): Promise<void> {
  const admin = await openDatabase({ url, applicationName: 'admin' })
  for (;;) {
    const others = sql`datname = current_database() and application_name = 'certctl'`
    const { rows } = await sql<{ count: number }>`select count(*) from pg_stat_activity where ${others}`.execute(
      admin.db,
    )
    if (rows[0]?.count === expected) {
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`.execute(admin.db)
      break
    }
  }
  await admin.close()
}

function assertUnavailable(error: unknown): void {
  assert.ok(isUnavailable(error))
}

test('a statement that runs too long, or meets no server, is unavailability and nothing else', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const slow = database.db.transaction().execute(async (trx) => {
    await sql`set local statement_timeout = 1`.execute(trx)
    await sql`select pg_sleep(60)`.execute(trx)
  })
  await assert.rejects(slow, isUnavailable)

  const nowhere = await openDatabase({ url: 'postgres://nobody@127.0.0.1:1/nothing' })
  await assert.rejects(sql`select 1`.execute(nowhere.db), isUnavailable)
  await nowhere.close()

  await assert.rejects(sql`select 1 / 0`.execute(database.db), (error) => !isUnavailable(error))
})

test('statements are prepared once for each connection', async (t) => {
  const database = await cloneDatabase({ poolSize: 1 })
  t.after(() => database.close())
  for (let count = 0; count < 5; count += 1) await ensureServerKey(database.db, `key-${count % 2}`)
  const { rows } = await sql<{ statement: string; uses: number }>`
    select statement, generic_plans + custom_plans as uses from pg_prepared_statements
      where statement like ${'select "key"%'}`.execute(database.db)
  assert.equal(rows.length, 1)
  assert.equal(rows[0]?.uses, 7)
})

test('processes that ask for a server key at once agree on one', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const keys = await Promise.all(Array.from({ length: 10 }, () => ensureServerKey(database.db, 'nonce')))
  assert.equal(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size, 1)
  assert.equal(keys[0]?.length, 32)
})

test('audit events are listed newest first, in pages', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  for (const resourceId of ['1', '2', '3']) {
    await insertAudit(db, { actor: 'admin:root', action: 'test', resourceType: 'test', resourceId, details: { a: 1 } })
  }
  const [newest, ...older] = await listAudit(db, { limit: 2 })
  assert.deepEqual([newest?.resource_id, older[0]?.resource_id], ['3', '2'])
  assert.deepEqual(newest?.details, { a: 1 })
  const last = await listAudit(db, { before: older[0]?.id ?? 0, limit: 2 })
  assert.deepEqual(
    last.map(({ resource_id: id }) => id),
    ['1'],
  )
})
