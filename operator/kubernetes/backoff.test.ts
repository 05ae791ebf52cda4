import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBackoff } from './backoff.ts'

test('pauses double up to the longest, and begin anew after a success', () => {
  const backoff = createBackoff({ firstMs: 1000, longestMs: 5000, random: () => 0 })
  const pauses = Array.from({ length: 5 }, () => backoff.next())
  assert.deepEqual(pauses, [1000, 2000, 4000, 5000, 5000])
  backoff.reset()
  assert.equal(backoff.next(), 1000)
})

test('the jitter takes up to half of a pause away', () => {
  const backoff = createBackoff({ firstMs: 1000, longestMs: 5000, random: () => 1 })
  assert.deepEqual([backoff.next(), backoff.next()], [500, 1000])
})
