import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcmeProblem } from '../problems.ts'
import {
  addressRange,
  challengeResponseCharge,
  defaultRateLimits,
  enforce,
  failedValidationCharge,
  failedValidationCheck,
  keyChangeCharge,
  mergeRateLimits,
  newAccountCharge,
  newOrderCharge,
  tooManyPendingOrders,
} from './limits.ts'
import { createMemoryRateLimiter } from './memory.ts'

const addresses: Record<string, string> = {
  '10.0.0.1': '10.0.0.1',
  '::ffff:10.0.0.1': '10.0.0.1',
  '::ffff:a00:1': '10.0.0.1',
  '2001:db8:1:2:3:4:5:6': '2001:db8:1::/48',
  '2001:0DB8:0001:ffff::': '2001:db8:1::/48',
  '2001:db8:2::1': '2001:db8:2::/48',
  'fe80::1%eth0': 'fe80::/48',
  '::1': '::/48',
  unix: 'unix',
}

for (const [address, range] of Object.entries(addresses)) {
  test(`accounts from ${address} count for ${range}`, () => assert.equal(addressRange(address), range))
}

test('a profile replaces the limits that it names', () => {
  const newOrders = { limit: 5, windowSeconds: 60 }
  const merged = mergeRateLimits(defaultRateLimits, { newOrders, pendingOrders: 3 })
  assert.deepEqual(merged, { ...defaultRateLimits, newOrders, pendingOrders: 3 })
})

test('the defaults let a cluster renew 5,000 certificates through one account within the hour', () => {
  assert.ok(defaultRateLimits.newOrders.limit >= 5000)
  assert.ok(defaultRateLimits.challengeResponses.limit >= 2 * 5000)
  assert.ok(defaultRateLimits.pendingOrders >= 5000)
})

test('every action has a bucket of its own, also when ids are alike', () => {
  const charges = [
    newAccountCharge(defaultRateLimits, 'x', 'x'),
    newOrderCharge(defaultRateLimits, 'x', 'x'),
    challengeResponseCharge(defaultRateLimits, 'x', 'x'),
    failedValidationCharge(defaultRateLimits, 'x', 'x'),
    keyChangeCharge(defaultRateLimits, 'x'),
  ]
  assert.equal(new Set(charges.map((charge) => charge.key)).size, charges.length)
})

test('failed validations are asked for in the bucket in which they are charged', () => {
  const check = failedValidationCheck(defaultRateLimits, 'account', 'a.example')
  const charge = failedValidationCharge(defaultRateLimits, 'account', 'a.example')
  assert.deepEqual({ ...check, cost: 1 }, charge)
  assert.equal(check.cost, 0)
})

test('the problem names the limit, its value, its window and when to come back', async () => {
  const limiter = createMemoryRateLimiter({ now: () => new Date(0) })
  const limits = mergeRateLimits(defaultRateLimits, { newOrders: { limit: 2, windowSeconds: 7200 } })
  const charges = [newOrderCharge(limits, 'profile', 'account')]
  await enforce(limiter, charges)
  await enforce(limiter, charges)
  await assert.rejects(enforce(limiter, charges), (error) => {
    assert.ok(error instanceof AcmeProblem)
    assert.deepEqual([error.type, error.status, error.retryAfterSeconds], ['rateLimited', 429, 3600])
    assert.equal(
      error.detail,
      'Too many new orders by one account: the limit is 2 in 2 hours (newOrders); retry after 1 hour.',
    )
    return true
  })
})

test('too many unfinished orders say how many may be', () => {
  const problem = tooManyPendingOrders(10)
  assert.equal(problem.type, 'rateLimited')
  assert.match(problem.detail, /limit of 10 unfinished orders/)
  assert.ok(problem.retryAfterSeconds)
})
