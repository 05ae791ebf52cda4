import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Charge } from './limiter.ts'
import { createMemoryRateLimiter } from './memory.ts'

function aLimiter() {
  const start = Date.UTC(2030, 0, 1)
  let elapsedMs = 0
  const limiter = createMemoryRateLimiter({ now: () => new Date(start + elapsedMs) })
  return { ...limiter, wait: (seconds: number) => (elapsedMs += seconds * 1000) }
}

function aCharge(charge: Partial<Charge> = {}): Charge {
  return { name: 'newOrders', key: 'a', limit: { limit: 10, windowSeconds: 100 }, cost: 1, ...charge }
}

async function countAllowed(limiter: ReturnType<typeof aLimiter>, charge: Charge, attempts: number): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: attempts }, () => limiter.charge([charge])))
  return verdicts.filter((verdict) => verdict.allowed).length
}

test('the limit is exact, whatever the window divides into', async () => {
  for (const limit of [1, 2, 3, 7, 60, 999, 20_000]) {
    const charge = aCharge({ limit: { limit, windowSeconds: 3600 } })
    assert.equal(await countAllowed(aLimiter(), charge, limit + 5), limit)
  }
})

test('the limit refills evenly, and no further than full', async () => {
  const limiter = aLimiter()
  assert.equal(await countAllowed(limiter, aCharge(), 20), 10)
  limiter.wait(9)
  assert.equal(await countAllowed(limiter, aCharge(), 20), 0)
  limiter.wait(1)
  assert.equal(await countAllowed(limiter, aCharge(), 20), 1)
  limiter.wait(35)
  assert.equal(await countAllowed(limiter, aCharge(), 20), 3)
  limiter.wait(10_000)
  assert.equal(await countAllowed(limiter, aCharge(), 20), 10)
})

test('a refusal names the charge and when it would pass', async () => {
  const limiter = aLimiter()
  await countAllowed(limiter, aCharge(), 10)
  limiter.wait(3)
  assert.deepEqual(await limiter.charge([aCharge()]), { allowed: false, refusedBy: aCharge(), retryAfterSeconds: 7 })
  limiter.wait(7)
  assert.deepEqual(await limiter.charge([aCharge()]), { allowed: true })
})

test('all charges are taken, or none', async () => {
  const limiter = aLimiter()
  const [wide, narrow] = [aCharge({ key: 'wide' }), aCharge({ key: 'narrow', limit: { limit: 1, windowSeconds: 100 } })]
  assert.equal((await limiter.charge([wide, narrow])).allowed, true)
  assert.equal((await limiter.charge([wide, narrow])).allowed, false)
  assert.equal((await limiter.charge([narrow, wide])).allowed, false)
  assert.equal(await countAllowed(limiter, wide, 20), 9)
})

test('buckets do not share', async () => {
  const limiter = aLimiter()
  assert.equal(await countAllowed(limiter, aCharge({ key: 'a' }), 20), 10)
  assert.equal(await countAllowed(limiter, aCharge({ key: 'b' }), 20), 10)
})

test('a charge of several units takes them at once', async () => {
  assert.equal(await countAllowed(aLimiter(), aCharge({ cost: 3 }), 10), 3)
})

test('asking costs nothing and is refused exactly when the next unit would be', async () => {
  const limiter = aLimiter()
  const question = aCharge({ cost: 0 })
  assert.equal(await countAllowed(limiter, question, 100), 100)
  await countAllowed(limiter, aCharge(), 9)
  assert.equal(await countAllowed(limiter, question, 3), 3)
  await limiter.charge([aCharge()])
  assert.deepEqual(await limiter.charge([question]), { allowed: false, refusedBy: question, retryAfterSeconds: 10 })
  limiter.wait(10)
  assert.equal(await countAllowed(limiter, question, 3), 3)
})

test('a limit of none allows none', async () => {
  const none = { limit: 0, windowSeconds: 100 }
  assert.equal(await countAllowed(aLimiter(), aCharge({ limit: none }), 3), 0)
  assert.equal(await countAllowed(aLimiter(), aCharge({ limit: none, cost: 0 }), 3), 0)
})

test('a refund gives back what was taken, and no more than a full bucket', async () => {
  const limiter = aLimiter()
  await countAllowed(limiter, aCharge(), 10)
  await limiter.refund([aCharge(), aCharge({ key: 'never charged' })])
  assert.equal(await countAllowed(limiter, aCharge(), 20), 1)
  for (let i = 0; i < 50; i++) await limiter.refund([aCharge()])
  assert.equal(await countAllowed(limiter, aCharge(), 20), 10)
})

test('buckets that are full again are forgotten, which changes nothing', async () => {
  const limiter = aLimiter()
  await limiter.charge([aCharge({ key: 'a' }), aCharge({ key: 'b', cost: 2 })])
  limiter.wait(10)
  assert.equal(await limiter.deleteIdle(), 1)
  assert.equal(await limiter.deleteIdle(), 0)
  limiter.wait(10)
  assert.equal(await limiter.deleteIdle(), 1)
  assert.equal(await countAllowed(limiter, aCharge({ key: 'a' }), 20), 10)
})

test('over any stretch of time no more is allowed than the burst and the refill', async () => {
  const attempts = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 40 }), cost: fc.integer({ min: 1, max: 3 }) }))
  await fc.assert(
    fc.asyncProperty(attempts, async (steps) => {
      const limiter = aLimiter()
      let elapsed = 0
      let taken = 0
      for (const { wait, cost } of steps) {
        limiter.wait(wait)
        elapsed += wait
        if ((await limiter.charge([aCharge({ cost })])).allowed) taken += cost
        assert.ok(taken <= 10 + elapsed / 10)
      }
    }),
  )
})
