import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { sql } from 'kysely'
import { upsertIssuer } from './issuers.ts'
import { openTestDatabase } from './testing/database.ts'

const issuer = {
  namespace: 'certctl',
  name: 'root',
  uid: 'uid-1',
  type: 'SelfSigned',
  specHash: 'a',
  generation: 1,
  actor: 'controller',
}

test('whoever declares the same object at the same time waits before it looks at any index', async (t) => {
  const database = await openTestDatabase('postgres')
  t.after(() => database.close())
  const { db } = database
  const waiters = async (): Promise<number> => {
    const { rows } = await sql`select from pg_locks where locktype = 'advisory' and not granted`.execute(db)
    return rows.length
  }
  let second: Promise<string | undefined> | undefined
  const first = await db.transaction().execute(async (trx) => {
    const id = await upsertIssuer(trx, issuer)
    second = db.transaction().execute((other) => upsertIssuer(other, issuer))
    while ((await waiters()) === 0) await turn()
    return id
  })
  assert.equal(await second, first)
})
