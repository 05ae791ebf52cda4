import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { beat, listLiveReplicas, removeReplica } from './replicas.ts'
import { readSnapshotVersion } from './snapshot.ts'
import { anIssuer } from './testing/builders.ts'
import { setClockOffset } from './testing/clock.ts'
import { cloneDatabase, openTestDatabase } from './testing/database.ts'
import { gate, untilBlocked } from './testing/locks.ts'
import { upsertIssuer } from './issuers.ts'

for (const kind of ['postgres', 'pglite'] as const) {
  test(`on ${kind} a replica lives as long after its beat as the database's clock says`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const { db } = database
    const missingIssuers = [randomUUID(), randomUUID()]
    const current = await readSnapshotVersion(db)
    assert.deepEqual(await beat(db, { id: 'a', version: 0, missingIssuers }), { version: current })
    await setClockOffset(db, 8)
    assert.deepEqual(await beat(db, { id: 'b', version: 7, missingIssuers: [] }), { version: current })

    const [a, b, ...others] = await listLiveReplicas(db, 10)
    assert.deepEqual(others, [])
    assert.deepEqual({ ...a, ageSeconds: 0 }, { id: 'a', version: 0, missingIssuers, ageSeconds: 0 })
    assert.deepEqual({ ...b, ageSeconds: 0 }, { id: 'b', version: 7, missingIssuers: [], ageSeconds: 0 })
    assert.ok(a && a.ageSeconds >= 8 && a.ageSeconds < 20, `${a?.ageSeconds} seconds`)
    assert.ok(b && b.ageSeconds >= 0 && b.ageSeconds < 8, `${b?.ageSeconds} seconds`)

    await setClockOffset(db, 60)
    assert.deepEqual(await listLiveReplicas(db, 10), [])
    await beat(db, { id: 'a', version: 3, missingIssuers: [] })
    const [again] = await listLiveReplicas(db, 10)
    assert.deepEqual([again?.id, again?.version, again?.missingIssuers], ['a', 3, []])
    await removeReplica(db, 'a')
    assert.deepEqual(await listLiveReplicas(db, 10), [])
    assert.equal((await listLiveReplicas(db, 600)).length, 1, 'the other one is only out of date')
  })
}

test('a beat costs one round trip', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const before = database.queryCount()
  await beat(database.db, { id: 'a', version: 1, missingIssuers: [] })
  assert.equal(database.queryCount() - before, 1)
})

test('a beat beside a change either knows of it or is there to be seen after it', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  const before = await readSnapshotVersion(db)

  const [numbered, commit] = [gate(), gate()]
  const change = db.transaction().execute(async (trx) => {
    await upsertIssuer(trx, anIssuer('first'))
    await sql`set constraints all immediate`.execute(trx)
    numbered.open()
    await commit.opened
  })
  await numbered.opened
  const late = beat(db, { id: 'late', version: before, missingIssuers: [] })
  await untilBlocked(db)
  commit.open()
  await change
  assert.deepEqual(await late, { version: before + 1 }, 'it came later, and knows')

  const [beaten, end] = [gate(), gate()]
  const early = db.transaction().execute(async (trx) => {
    const { version } = await beat(trx, { id: 'early', version: before, missingIssuers: [] })
    beaten.open()
    await end.opened
    return version
  })
  await beaten.opened
  const seen = db
    .transaction()
    .execute((trx) => upsertIssuer(trx, anIssuer('second')))
    .then(() => listLiveReplicas(db, 10))
  await untilBlocked(db)
  end.open()
  assert.equal(await early, before + 1, 'it came before, and does not know')
  assert.ok(
    (await seen).some(({ id }) => id === 'early'),
    'but can be seen',
  )
})
