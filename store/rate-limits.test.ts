import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, afterEach, before, suite, test } from 'node:test'
import type { Db } from './database.ts'
import { type Bucket, chargeBuckets, deleteIdleBuckets, refundBuckets } from './rate-limits.ts'
import { setClockOffset } from './testing/clock.ts'
import { cloneDatabase, openTestDatabase, type TestDatabase } from './testing/database.ts'

const HOUR_MS = 3_600_000

/** `limit` at once, refilled evenly over an hour. */
function aBucket(key: string, limit: number): Bucket {
  return { key, emissionIntervalMs: HOUR_MS / limit, burst: limit, cost: 1 }
}

for (const kind of ['postgres', 'pglite'] as const) {
  suite(`on ${kind}`, () => {
    let database: TestDatabase
    let db: Db
    before(async () => {
      database = await openTestDatabase(kind)
      db = database.db
    })
    afterEach(() => setClockOffset(db, 0))
    after(() => database.close())

    async function passing(bucket: Bucket, calls: number): Promise<number> {
      let passed = 0
      for (let call = 0; call < calls; call += 1) passed += (await chargeBuckets(db, [bucket])).allowed ? 1 : 0
      return passed
    }

    test('the limit passes at once, then says when to come back, and refills evenly', async () => {
      const bucket = aBucket('refill', 6)
      const queries = database.queryCount()
      assert.equal(await passing(bucket, 8), 6)
      assert.equal(database.queryCount() - queries, 8)
      const refusal = await chargeBuckets(db, [bucket])
      assert.ok(!refusal.allowed)
      assert.equal(refusal.key, 'refill')
      assert.ok(refusal.retryAfterMs > 590_000 && refusal.retryAfterMs <= 600_000, `${refusal.retryAfterMs} ms`)
      await setClockOffset(db, 600)
      assert.equal(await passing(bucket, 3), 1)
      await setClockOffset(db, 3 * 3600)
      assert.equal(await passing(bucket, 9), 6, 'never more than the limit at once')
    })

    test('an uneven interval does not cost the last of the limit', async () => {
      assert.equal(await passing(aBucket('uneven', 7), 9), 7)
      assert.equal(await passing(aBucket('many', 300), 310), 300)
    })

    test('all buckets are charged or none', async () => {
      const [narrow, wide] = [aBucket('b-narrow', 1), aBucket('a-wide', 3)]
      assert.deepEqual(await chargeBuckets(db, [narrow, wide]), { allowed: true })
      for (let call = 0; call < 5; call += 1) {
        const refusal = await chargeBuckets(db, [narrow, wide])
        assert.ok(!refusal.allowed && refusal.key === 'b-narrow')
      }
      assert.equal(await passing(wide, 5), 2)
    })

    test('a charge may cost several, and a refund gives them back', async () => {
      const bucket = { ...aBucket('refund', 5), cost: 5 }
      assert.equal((await chargeBuckets(db, [bucket])).allowed, true)
      assert.equal((await chargeBuckets(db, [bucket])).allowed, false)
      await refundBuckets(db, [bucket])
      assert.equal(await passing(aBucket('refund', 5), 9), 5)
    })

    test('idle buckets are deleted, and only they', async () => {
      await db.deleteFrom('rate_limit_buckets').execute()
      for (const key of ['i1', 'i2', 'i3']) await chargeBuckets(db, [aBucket(key, 1)])
      assert.equal(await deleteIdleBuckets(db), 0)
      await setClockOffset(db, 2.5 * 3600)
      assert.equal((await chargeBuckets(db, [aBucket('i1', 1)])).allowed, true)
      assert.equal(await deleteIdleBuckets(db, 1), 1)
      assert.equal(await deleteIdleBuckets(db), 1)
      assert.equal((await chargeBuckets(db, [aBucket('i1', 1)])).allowed, false)
    })
  })
}

test('of 100 calls at once by three processes exactly the limit passes, 50 times', async (t) => {
  const database = await cloneDatabase()
  const script = join(import.meta.dirname, 'testing', 'limiter-child.ts')
  const children = [1, 2, 3].map(() => fork(script, [database.url ?? '']))
  t.after(async () => {
    const exits = children.map((child) => once(child, 'exit'))
    for (const child of children) child.disconnect()
    await Promise.all(exits)
    await database.close()
  })
  await Promise.all(children.map((child) => once(child, 'message')))

  for (let round = 0; round < 50; round += 1) {
    const limit = 1 + round
    const calls = [34, 33, 33]
    const buckets = [aBucket(`round-${round}`, limit)]
    const passed = await Promise.all(children.map((child, index) => ask(child, { buckets, calls: calls[index]! })))
    assert.equal(
      passed.reduce((total, count) => total + count, 0),
      limit,
      `round ${round}`,
    )
  }
})

async function ask(child: ChildProcess, message: object): Promise<number> {
  const answer = once(child, 'message')
  child.send(message)
  return Number((await answer)[0])
}

test('charges of the same buckets in any order never deadlock, also while the janitor deletes them', async (t) => {
  const database = await cloneDatabase({ poolSize: 40 })
  t.after(() => database.close())
  const { db } = database
  const buckets = ['a', 'b', 'c', 'd'].map((key) => aBucket(key, 1_000_000))
  const work = Array.from({ length: 400 }, (_, index) => {
    const rotated = [...buckets.slice(index % 4), ...buckets.slice(0, index % 4)]
    return chargeBuckets(db, index % 2 ? rotated : rotated.toReversed())
  })
  const sweeps = Array.from({ length: 100 }, () => db.deleteFrom('rate_limit_buckets').where('key', '=', 'c').execute())
  const refunds = Array.from({ length: 100 }, () => refundBuckets(db, buckets.toReversed()))
  await Promise.all([...work, ...sweeps, ...refunds])
})
