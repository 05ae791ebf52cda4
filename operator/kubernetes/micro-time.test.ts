import assert from 'node:assert/strict'
import { test } from 'node:test'
import { microTime } from './micro-time.ts'

test('a MicroTime has six digits of the second', () => {
  const date = new Date('2026-01-02T03:04:05.678Z')
  assert.equal(microTime(date), '2026-01-02T03:04:05.678000Z')
  assert.equal(microTime(date, 7), '2026-01-02T03:04:05.678007Z')
  assert.equal(microTime(date, 999), '2026-01-02T03:04:05.678999Z')
})
