import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createMemoryRateLimiter } from './memory.ts'
import { aCharge, countAllowed, limiterCases, type TimedLimiter } from './testing/limiter-cases.ts'

function aLimiter(): TimedLimiter {
  const start = Date.UTC(2030, 0, 1)
  let elapsedMs = 0
  const limiter = createMemoryRateLimiter({ now: () => new Date(start + elapsedMs) })
  return {
    ...limiter,
    async wait(seconds) {
      elapsedMs += seconds * 1000
    },
  }
}

suite('in memory', () => limiterCases(async () => aLimiter()))

test('buckets that are full again are forgotten, which changes nothing', async () => {
  const limiter = aLimiter()
  await limiter.charge([aCharge({ key: 'a' }), aCharge({ key: 'b', cost: 2 })])
  await limiter.wait(10)
  assert.equal(await limiter.deleteIdle(), 1)
  assert.equal(await limiter.deleteIdle(), 0)
  await limiter.wait(10)
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
        await limiter.wait(wait)
        elapsed += wait
        if ((await limiter.charge([aCharge({ cost })])).allowed) taken += cost
        assert.ok(taken <= 10 + elapsed / 10)
      }
    }),
  )
})
