import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { fakeTimers } from '../testing/fake-timers.ts'
import { DeadlineExceeded, withDeadline } from './deadline.ts'

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
    if (signal.aborted) reject(signal.reason)
  })

test('what is done in time leaves neither timer nor listener behind, whether it went well or not', async () => {
  const timers = fakeTimers()
  const { signal } = new AbortController()
  const options = { timers, ms: 100, signal, what: 'the task' }
  assert.equal(await withDeadline(options, () => Promise.resolve('done')), 'done')
  await assert.rejects(
    withDeadline(options, () => Promise.reject(new Error('broken'))),
    /broken/,
  )
  await assert.rejects(
    withDeadline(options, () => {
      throw new Error('a defect')
    }),
    /a defect/,
  )
  assert.deepEqual([timers.pending, getEventListeners(signal, 'abort').length], [0, 0])
})

test('what takes too long is aborted with a word of what it was', async () => {
  const timers = fakeTimers()
  const running = withDeadline(
    { timers, ms: 100, signal: new AbortController().signal, what: 'the task' },
    untilAborted,
  )
  const outcome = assert.rejects(
    running,
    (error) => error instanceof DeadlineExceeded && error.message === 'the task took longer than 100 ms',
  )
  await timers.advance(100)
  await outcome
})

test('the outer signal aborts with its own reason, also when it did so before', async () => {
  const timers = fakeTimers()
  const abort = new AbortController()
  const reason = new Error('stopping')
  const running = withDeadline({ timers, ms: 100, signal: abort.signal, what: 'the task' }, untilAborted)
  abort.abort(reason)
  await assert.rejects(running, reason)
  await assert.rejects(withDeadline({ timers, ms: 100, signal: abort.signal, what: 'the task' }, untilAborted), reason)
  assert.equal(timers.pending, 0)
})
