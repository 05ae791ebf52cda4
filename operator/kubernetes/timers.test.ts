import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeTimers } from '../testing/fake-timers.ts'
import { systemTimers } from './timers.ts'

test('the system’s timers fire after the time asked for, also one that Node could not wait for at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const fired: string[] = []
  systemTimers.after(10, () => fired.push('ten'))
  systemTimers.after(-5, () => fired.push('past'))
  const cancel = systemTimers.after(20, () => fired.push('cancelled'))
  const thirtyDays = 30 * 86_400_000
  systemTimers.after(thirtyDays, () => fired.push('thirty days'))
  const cancelLate = systemTimers.after(thirtyDays, () => fired.push('cancelled after its first leg'))

  t.mock.timers.tick(1)
  assert.deepEqual(fired, ['past'])
  cancel()
  t.mock.timers.tick(19)
  assert.deepEqual(fired, ['past', 'ten'])
  t.mock.timers.tick(2 ** 31 - 1 - 20)
  cancelLate()
  t.mock.timers.tick(thirtyDays - 2 ** 31)
  assert.deepEqual(fired, ['past', 'ten'])
  t.mock.timers.tick(1)
  assert.deepEqual(fired, ['past', 'ten', 'thirty days'])
})

test('sleep ends with the signal’s reason and leaves no timer behind', async () => {
  const timers = fakeTimers()
  const reason = new Error('stopping')
  await assert.rejects(timers.sleep(10, AbortSignal.abort(reason)), reason)
  assert.equal(timers.pending, 0)

  const abort = new AbortController()
  const sleeping = timers.sleep(10, abort.signal)
  assert.equal(timers.pending, 1)
  abort.abort('a word')
  await assert.rejects(sleeping, /aborted/)
  assert.equal(timers.pending, 0)
})

test('fake timers run what falls due in order, each at its own time, and what that sets up as well', async () => {
  const timers = fakeTimers()
  const seen: [string, number][] = []
  const note = (what: string): void => void seen.push([what, timers.now()])
  timers.after(30, () => note('last'))
  timers.after(10, () => note('first'))
  timers.after(10, () => note('second'))
  const running = (async () => {
    await timers.sleep(10)
    note('slept')
    await timers.sleep(15)
    note('slept again')
  })()
  await timers.advance(29)
  await running
  assert.deepEqual(seen, [
    ['first', 10],
    ['second', 10],
    ['slept', 10],
    ['slept again', 25],
  ])
  assert.equal(timers.now(), 29)
  await timers.advance(1)
  assert.deepEqual(seen.at(-1), ['last', 30])
})
