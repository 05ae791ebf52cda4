import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { DatabaseUnreachable } from '../store/errors.ts'
import { createCheckpoint } from './checkpoint.ts'
import { lockFolder } from './folder-lock.ts'
import { createLog } from './log.ts'
import { onceAvailable, startLoop } from './loops.ts'
import { temporaryFolder } from './testing/standalone.ts'

const log = createLog({ level: 'error' })

test('a loop never works twice at once, is woken, survives failures and ends its work before it stops', async () => {
  let [running, most, runs] = [0, 0, 0]
  const loop = startLoop({
    name: 'test',
    intervalSeconds: 60,
    log,
    async work() {
      running += 1
      most = Math.max(most, running)
      await sleep(20)
      running -= 1
      runs += 1
      if (runs === 1) throw new Error('once')
    },
  })
  for (let i = 0; i < 5; i++) {
    loop.wake()
    await sleep(15)
  }
  await loop.stop()
  assert.deepEqual([running, most], [0, 1])
  assert.ok(runs >= 2, `${runs} runs`)
})

test('what needs the database is tried until it is there, and other failures end it', async () => {
  const signal = new AbortController()
  const wait = { log, signal: signal.signal, what: 'test' }
  let tries = 0
  const found = await onceAvailable(() => {
    tries += 1
    return tries < 3 ? Promise.reject(new DatabaseUnreachable(new Error('away'))) : Promise.resolve('found')
  }, wait)
  assert.deepEqual([found, tries], ['found', 3])
  await assert.rejects(
    onceAvailable(() => Promise.reject(new Error('defect')), wait),
    /defect/,
  )
  const waiting = onceAvailable(() => Promise.reject(new DatabaseUnreachable(new Error('away'))), wait)
  signal.abort(new Error('stopping'))
  await assert.rejects(waiting)
})

test('a folder belongs to one process, and to the next one when that is gone', async (t) => {
  const folder = await temporaryFolder(t)
  const unlock = await lockFolder(folder)
  // The lock bears our own id, as a container's main process finds it after a crash.
  const again = await lockFolder(folder)
  await unlock()
  await again()
  await lockFolder(folder)
})

test('a checkpoint that nobody asked for does nothing', () => {
  createCheckpoint(undefined)('finalize.signed')
  createCheckpoint({ label: 'finalize.begun', signal: 'SIGKILL' })('finalize.signed')
})
