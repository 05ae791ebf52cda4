import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Db } from '../../store/database.ts'
import { setClockOffset } from '../../store/testing/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../store/testing/database.ts'
import { createPostgresRateLimiter } from './postgres.ts'
import { aCharge, countAllowed, limiterCases, type TimedLimiter } from './testing/limiter-cases.ts'

/** Without buckets, and at the real time. */
async function openLimiter(db: Db): Promise<TimedLimiter> {
  let elapsed = 0
  await db.deleteFrom('rate_limit_buckets').execute()
  await setClockOffset(db, elapsed)
  return {
    ...createPostgresRateLimiter(db),
    async wait(seconds) {
      elapsed += seconds
      await setClockOffset(db, elapsed)
    },
  }
}

for (const kind of ['postgres', 'pglite'] as const) {
  suite(`on ${kind}`, () => {
    let database: TestDatabase
    before(async () => {
      database = await openTestDatabase(kind)
    })
    after(() => database.close())

    limiterCases(() => openLimiter(database.db))

    test('buckets that have long been full are deleted, which changes nothing', async () => {
      const limiter = await openLimiter(database.db)
      await limiter.charge([aCharge({ key: 'a' }), aCharge({ key: 'b' })])
      assert.equal(await limiter.deleteIdle(), 0)
      await limiter.wait(2 * 3600)
      assert.equal(await limiter.deleteIdle(), 2)
      assert.equal(await countAllowed(limiter, aCharge({ key: 'a' }), 20), 10)
    })

    test('limiters that share a database share the limit, and charge in any order without deadlock', async () => {
      await openLimiter(database.db)
      const replicas = Array.from({ length: 3 }, () => createPostgresRateLimiter(database.db))
      const limit = { limit: 40, windowSeconds: 100_000 }
      const [first, second] = [aCharge({ key: 'first', limit }), aCharge({ key: 'second', limit })]
      const charges = Array.from({ length: 100 }, (_, index) => {
        const pair = index % 2 === 0 ? [first, second] : [second, first]
        return replicas[index % replicas.length]!.charge(pair)
      })
      const verdicts = await Promise.all(charges)
      assert.equal(verdicts.filter((verdict) => verdict.allowed).length, 40)
    })
  })
}
