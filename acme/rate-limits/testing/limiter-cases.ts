import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Charge, RateLimiter } from '../limiter.ts'

/** A limiter whose clock the test moves. */
export interface TimedLimiter extends RateLimiter {
  wait(seconds: number): Promise<void>
}

export function aCharge(charge: Partial<Charge> = {}): Charge {
  return { name: 'newOrders', key: 'a', limit: { limit: 10, windowSeconds: 100 }, cost: 1, ...charge }
}

export async function countAllowed(limiter: RateLimiter, charge: Charge, attempts: number): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: attempts }, () => limiter.charge([charge])))
  return verdicts.filter((verdict) => verdict.allowed).length
}

/** What every limiter promises. A unit refills in ten seconds, far longer than a case runs. */
export function limiterCases(open: () => Promise<TimedLimiter>): void {
  test('the limit is exact, whatever the window divides into', async () => {
    const limiter = await open()
    for (const limit of [1, 2, 3, 7, 60, 999, 7777]) {
      const charge = aCharge({ key: `of ${limit}`, limit: { limit, windowSeconds: 100_000 } })
      if (limit > 2) await limiter.charge([{ ...charge, cost: limit - 2 }])
      assert.equal(await countAllowed(limiter, charge, 5), Math.min(limit, 2), `a limit of ${limit}`)
    }
  })

  test('the limit refills evenly, and no further than full', async () => {
    const limiter = await open()
    assert.equal(await countAllowed(limiter, aCharge(), 20), 10)
    await limiter.wait(8)
    assert.equal(await countAllowed(limiter, aCharge(), 20), 0)
    await limiter.wait(2)
    assert.equal(await countAllowed(limiter, aCharge(), 20), 1)
    await limiter.wait(35)
    assert.equal(await countAllowed(limiter, aCharge(), 20), 3)
    await limiter.wait(10_000)
    assert.equal(await countAllowed(limiter, aCharge(), 20), 10)
  })

  test('a refusal names the charge and when it would pass', async () => {
    const limiter = await open()
    await countAllowed(limiter, aCharge(), 10)
    await limiter.wait(3)
    assert.deepEqual(await limiter.charge([aCharge()]), { allowed: false, refusedBy: aCharge(), retryAfterSeconds: 7 })
    await limiter.wait(7)
    assert.deepEqual(await limiter.charge([aCharge()]), { allowed: true })
  })

  test('all charges are taken, or none', async () => {
    const limiter = await open()
    const wide = aCharge({ key: 'wide' })
    const narrow = aCharge({ key: 'narrow', limit: { limit: 1, windowSeconds: 100 } })
    assert.equal((await limiter.charge([wide, narrow])).allowed, true)
    assert.equal((await limiter.charge([wide, narrow])).allowed, false)
    assert.equal((await limiter.charge([narrow, wide])).allowed, false)
    assert.equal(await countAllowed(limiter, wide, 20), 9)
  })

  test('no charge at all is allowed', async () => {
    const limiter = await open()
    assert.deepEqual(await limiter.charge([]), { allowed: true })
    await limiter.refund([])
  })

  test('buckets do not share', async () => {
    const limiter = await open()
    assert.equal(await countAllowed(limiter, aCharge({ key: 'a' }), 20), 10)
    assert.equal(await countAllowed(limiter, aCharge({ key: 'b' }), 20), 10)
  })

  test('a charge of several units takes them at once', async () => {
    assert.equal(await countAllowed(await open(), aCharge({ cost: 3 }), 10), 3)
  })

  test('asking costs nothing and is refused exactly when the next unit would be', async () => {
    const limiter = await open()
    const question = aCharge({ cost: 0 })
    assert.equal(await countAllowed(limiter, question, 30), 30)
    await countAllowed(limiter, aCharge(), 9)
    assert.equal(await countAllowed(limiter, question, 3), 3)
    await limiter.charge([aCharge()])
    assert.deepEqual(await limiter.charge([question]), { allowed: false, refusedBy: question, retryAfterSeconds: 10 })
    await limiter.wait(10)
    assert.equal(await countAllowed(limiter, question, 3), 3)
  })

  test('a limit of none allows none', async () => {
    const limiter = await open()
    const none = { limit: 0, windowSeconds: 100 }
    assert.equal(await countAllowed(limiter, aCharge({ limit: none }), 3), 0)
    assert.equal(await countAllowed(limiter, aCharge({ limit: none, cost: 0 }), 3), 0)
  })

  test('a refund gives back what was taken, and no more than a full bucket', async () => {
    const limiter = await open()
    await countAllowed(limiter, aCharge(), 10)
    await limiter.refund([aCharge(), aCharge({ key: 'never charged' })])
    assert.equal(await countAllowed(limiter, aCharge(), 20), 1)
    for (let i = 0; i < 15; i++) await limiter.refund([aCharge()])
    assert.equal(await countAllowed(limiter, aCharge(), 20), 10)
  })
}
