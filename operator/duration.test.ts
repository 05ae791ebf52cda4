import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, parseDuration } from './duration.ts'
import { nearestName } from './nearest-name.ts'

test('Go-style durations are read as seconds', () => {
  const read = ['0', '90s', '5m', '1h30m', '1.5h', '500ms', '2160h'].map(parseDuration)
  assert.deepEqual(read, [0, 90, 300, 5400, 5400, 0.5, 7_776_000])
})

test('what is no duration is undefined', () => {
  for (const text of ['', '5', '5d', 'h', '-5m', '5 m', '1h 30m', '1,5h', '5M']) {
    assert.equal(parseDuration(text), undefined, text)
  }
})

test('durations are written in the largest whole unit', () => {
  assert.deepEqual([86_400, 300, 90, 0.5].map(formatDuration), ['24h', '5m', '90s', '500ms'])
})

test('the nearest name is the one a typo came from, and none when nothing is near', () => {
  assert.equal(nearestName('issuerref', ['issuerRef', 'acme']), 'issuerRef')
  assert.equal(nearestName('vailidity', ['validity', 'identifiers']), 'validity')
  assert.equal(nearestName('wildcards', ['issuerRef', 'acme']), undefined)
})
