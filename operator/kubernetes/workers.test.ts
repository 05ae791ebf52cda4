import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fakeTimers } from '../testing/fake-timers.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { createWorkQueue } from './work-queue.ts'
import { startWorkers } from './workers.ts'
import type { WorkersOptions } from './workers.ts'

/** Workers on an empty queue, stopped with the test. */
function running(t: TestContext, options: Partial<WorkersOptions> & Pick<WorkersOptions, 'reconcile'>) {
  const timers = fakeTimers()
  const queue = createWorkQueue({ timers, random: () => 0 })
  const log = recordingLog()
  const workers = startWorkers({ name: 'Issuer', queue, workers: 1, log, timers, ...options })
  t.after(() => workers.stop())
  return { timers, queue, log, workers }
}

test('as many keys are in work as there are workers, and no more', async (t) => {
  const inWork = new Map<string, () => void>()
  const { timers, queue } = running(t, {
    workers: 2,
    async reconcile(key) {
      await new Promise<void>((resolve) => inWork.set(key, resolve))
      inWork.delete(key)
      return {}
    },
  })
  for (const key of ['a', 'b', 'c']) queue.add(key)
  await timers.advance(0)
  assert.deepEqual([...inWork.keys()], ['a', 'b'])
  inWork.get('a')?.()
  await timers.advance(0)
  assert.deepEqual([...inWork.keys()], ['b', 'c'])
  for (const end of inWork.values()) end()
})

test('what went well is forgotten and looked at again when it asked to be', async (t) => {
  const seen: number[] = []
  const { timers, queue } = running(t, {
    reconcile() {
      seen.push(timers.now() / 1000)
      return seen.length === 1 ? Promise.reject(new Error('once')) : Promise.resolve({ requeueAfterSeconds: 3600 })
    },
  })
  queue.add('a')
  await timers.advance(1000)
  assert.equal(queue.retries('a'), 0)
  await timers.advance(3_600_000)
  assert.deepEqual(seen, [0, 1, 3601])
})

test('what asked for nothing is left alone', async (t) => {
  let runs = 0
  const { timers, queue } = running(t, {
    async reconcile() {
      runs += 1
      return {}
    },
  })
  queue.add('a')
  await timers.advance(86_400_000)
  assert.equal(runs, 1)
})

test('a failure is told and tried again after a growing pause, and the other keys go on', async (t) => {
  const seen: string[] = []
  const { timers, queue, log } = running(t, {
    async reconcile(key) {
      seen.push(`${key} ${timers.now() / 1000}`)
      if (key === 'bad') throw new Error('broken')
      return {}
    },
  })
  queue.add('bad')
  queue.add('good')
  await timers.advance(4_000)
  assert.deepEqual(seen, ['bad 0', 'good 0', 'bad 1', 'bad 3'])
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, 'attempt' in fields && fields.attempt]),
    [
      ['warn', 1],
      ['warn', 2],
      ['warn', 3],
    ],
  )
})

test('an exception thrown before anything was awaited is a failure like any other', async (t) => {
  const { timers, queue, log } = running(t, {
    reconcile() {
      throw new TypeError('a defect')
    },
  })
  queue.add('a')
  await timers.advance(0)
  assert.deepEqual([queue.retries('a'), log.lines.length], [1, 1])
})

test('a conflict is tried again soon, without a warning and without counting', async (t) => {
  const conflict = new Error('somebody else wrote')
  let runs = 0
  const { timers, queue, log } = running(t, {
    isConflict: (error) => error === conflict,
    async reconcile() {
      runs += 1
      if (runs < 4) throw conflict
      return {}
    },
  })
  queue.add('a')
  await timers.advance(1_500)
  assert.deepEqual([runs, queue.retries('a'), log.lines], [4, 0, []])
})

test('a reconcile that takes too long is told to end, and is tried again once it has ended', async (t) => {
  const reasons: unknown[] = []
  let runs = 0
  const ended = Promise.withResolvers<void>()
  const { timers, queue, log } = running(t, {
    timeoutSeconds: 60,
    async reconcile(_key, signal) {
      runs += 1
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      await ended.promise
      signal.throwIfAborted()
      return {}
    },
  })
  queue.add('a')
  await timers.advance(59_999)
  assert.deepEqual(reasons, [])
  await timers.advance(1)
  assert.match(String(reasons[0]), /longer than 60000 ms/)
  assert.deepEqual(
    log.lines.map(({ level, message }) => [level, message]),
    [['warn', 'reconcile takes too long and was told to end']],
  )
  queue.add('a')
  await timers.advance(600_000)
  assert.equal(runs, 1, 'never twice at once, however long it takes')
  ended.resolve()
  await timers.advance(0)
  assert.equal(runs, 2)
})

test('a reconcile in time leaves no timer behind', async (t) => {
  const { timers, queue } = running(t, { reconcile: () => Promise.resolve({}) })
  queue.add('a')
  await timers.advance(0)
  assert.equal(timers.pending, 0)
})

test('the duration of each reconcile is told, also of one that failed', async (t) => {
  const told: [string, number][] = []
  const { timers, queue } = running(t, {
    metrics: { reconcileSeconds: (kind, seconds) => void told.push([kind, seconds]) },
    async reconcile(key) {
      await timers.sleep(2_000)
      if (key === 'bad') throw new Error('broken')
      return {}
    },
  })
  queue.add('good')
  queue.add('bad')
  await timers.advance(4_000)
  assert.deepEqual(told, [
    ['Issuer', 2],
    ['Issuer', 2],
  ])
})

test('stop tells what is under way to end, waits for it, takes no further key and does not call it a failure', async (t) => {
  const seen: string[] = []
  let ended = false
  const { timers, queue, log, workers } = running(t, {
    async reconcile(key, signal) {
      seen.push(key)
      await timers.sleep(600_000, signal).catch(() => undefined)
      await timers.sleep(100)
      ended = true
      throw new Error('cut short')
    },
  })
  queue.add('a')
  queue.add('b')
  queue.addAfter('c', 3600)
  await timers.advance(0)
  let stopped = false
  const stopping = workers.stop().then(() => (stopped = true))
  await timers.advance(99)
  assert.deepEqual([ended, stopped], [false, false])
  await timers.advance(1)
  await stopping
  assert.deepEqual([ended, seen, timers.pending], [true, ['a'], 0])
  assert.deepEqual(
    log.lines.filter(({ level }) => level !== 'info'),
    [],
  )
})

test('idle workers stop at once, and may be stopped again', async (t) => {
  const { workers } = running(t, { workers: 3, reconcile: () => Promise.resolve({}) })
  await workers.stop()
  await workers.stop()
})
