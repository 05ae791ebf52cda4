import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeTimers } from '../testing/fake-timers.ts'
import { createWorkQueue } from './work-queue.ts'
import type { WorkQueue } from './work-queue.ts'

const never = new AbortController().signal

/** Every key that waits now, in its order; each is left in work. */
async function takeAll(queue: WorkQueue): Promise<string[]> {
  const taken: string[] = []
  while (queue.depth > 0)
    taken.push((await queue.next(never)) ?? assert.fail('nothing, though the depth says otherwise'))
  return taken
}

test('keys come in the order of their arrival, each once however often it was added', async () => {
  const queue = createWorkQueue({ timers: fakeTimers() })
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
  assert.equal(queue.depth, 3)
  assert.deepEqual(await takeAll(queue), ['a', 'b', 'c'])
})

test('a key added while it is worked on comes again afterwards, once, and not before', async () => {
  const queue = createWorkQueue({ timers: fakeTimers() })
  queue.add('a')
  await queue.next(never)
  queue.add('a')
  queue.add('a')
  assert.equal(queue.depth, 0)
  queue.done('a')
  assert.deepEqual(await takeAll(queue), ['a'])
  queue.done('a')
  assert.equal(queue.depth, 0)
})

test('those who wait for a key are served in their order, each with another key', async () => {
  const queue = createWorkQueue({ timers: fakeTimers() })
  const waiting = Promise.all([queue.next(never), queue.next(never), queue.next(never)])
  queue.add('a')
  queue.add('b')
  queue.add('a')
  queue.done('a')
  assert.deepEqual(await waiting, ['a', 'b', 'a'])
})

test('who gives up waiting takes no key with them', async () => {
  const queue = createWorkQueue({ timers: fakeTimers() })
  const abort = new AbortController()
  const waiting = queue.next(abort.signal)
  abort.abort()
  assert.equal(await waiting, undefined)
  queue.add('a')
  assert.equal(await queue.next(abort.signal), undefined)
  assert.equal(await queue.next(never), 'a')
})

test('a delayed key comes when its time has come; of several delays the one that ends first counts', async () => {
  const timers = fakeTimers()
  const queue = createWorkQueue({ timers })
  queue.addAfter('a', 60)
  queue.addAfter('a', 10)
  queue.addAfter('a', 30)
  queue.addAfter('b', 0)
  queue.addAfter('c', -1)
  assert.deepEqual(await takeAll(queue), ['b', 'c'])
  await timers.advance(9_999)
  assert.equal(queue.depth, 0)
  await timers.advance(1)
  assert.deepEqual(await takeAll(queue), ['a'])
  queue.done('a')
  await timers.advance(120_000)
  assert.equal(queue.depth, 0, 'the later deadlines are gone')
  assert.equal(timers.pending, 0)
})

test('a key that failed waits twice as long each time, up to the longest pause, and anew once forgotten', async () => {
  const timers = fakeTimers()
  const queue = createWorkQueue({ timers, firstBackoffSeconds: 1, longestBackoffSeconds: 5, random: () => 0 })
  for (const [attempt, seconds] of [1, 2, 4, 5, 5].entries()) {
    queue.addRateLimited('a')
    assert.equal(queue.retries('a'), attempt + 1)
    await timers.advance(seconds * 1000 - 1)
    assert.equal(queue.depth, 0, `too early at attempt ${attempt}`)
    await timers.advance(1)
    assert.deepEqual(await takeAll(queue), ['a'])
    queue.done('a')
  }
  queue.addRateLimited('b')
  assert.equal(queue.retries('b'), 1, 'each key has its own count')
  queue.forget('a')
  assert.equal(queue.retries('a'), 0)
  queue.addRateLimited('a')
  await timers.advance(1000)
  assert.deepEqual((await takeAll(queue)).toSorted(), ['a', 'b'])
})

test('the jitter shortens a pause and never lengthens it', async () => {
  const timers = fakeTimers()
  const queue = createWorkQueue({ timers, firstBackoffSeconds: 10, random: () => 0.5 })
  queue.addRateLimited('a')
  await timers.advance(8_999)
  assert.equal(queue.depth, 0)
  await timers.advance(1)
  assert.equal(queue.depth, 1)
})

test('a long row of failures leads to the longest pause, not to an overflow', async () => {
  const timers = fakeTimers()
  const queue = createWorkQueue({ timers, longestBackoffSeconds: 300, random: () => 0 })
  for (let i = 0; i < 2000; i++) {
    queue.addRateLimited('a')
    await timers.advance(300_000)
    queue.done((await queue.next(never)) ?? assert.fail('no key'))
  }
  assert.equal(queue.retries('a'), 2000)
})

test('after the end what waits is still handed out, what is new or delayed is not', async () => {
  const timers = fakeTimers()
  const queue = createWorkQueue({ timers })
  queue.add('in work')
  await queue.next(never)
  queue.add('in work')
  queue.add('waiting')
  queue.addAfter('delayed', 1)
  queue.shutDown()
  queue.add('new')
  queue.addAfter('new', 1)
  queue.addRateLimited('new')
  assert.equal(timers.pending, 0)
  assert.equal(await queue.next(never), 'waiting')
  queue.done('in work')
  assert.equal(await queue.next(never), 'in work')
  assert.equal(await queue.next(never), undefined)
})

test('the end wakes those who wait', async () => {
  const queue = createWorkQueue({ timers: fakeTimers() })
  const waiting = Promise.all([queue.next(never), queue.next(never)])
  queue.shutDown()
  assert.deepEqual(await waiting, [undefined, undefined])
})

test('whatever the order of calls, no key is in work twice and none that was added is forgotten', async () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('add', 'delay', 'fail', 'done'), key }),
    fc.record({ do: fc.constant('take'), key }),
    fc.record({ do: fc.constant('wait'), key }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const timers = fakeTimers()
      const queue = createWorkQueue({ timers })
      const inWork = new Set<string>()
      /** Keys that somebody asked for since they were last taken. */
      const owed = new Set<string>()
      const take = async (): Promise<void> => {
        const taken = (await queue.next(never)) ?? assert.fail('no key')
        assert.ok(!inWork.has(taken), `${taken} is in work twice`)
        assert.ok(owed.delete(taken), `${taken} came though nobody asked for it`)
        inWork.add(taken)
      }
      const actions: Record<string, (chosen: string) => unknown> = {
        add: (chosen) => (queue.add(chosen), owed.add(chosen)),
        // A delayed key may come before or with an added one; it is owed from then on, so let its time pass at once.
        delay: async (chosen) => {
          queue.addAfter(chosen, 1)
          owed.add(chosen)
          await timers.advance(1000)
        },
        fail: async (chosen) => {
          queue.addRateLimited(chosen)
          owed.add(chosen)
          await timers.advance(300_000)
        },
        done: (chosen) => inWork.delete(chosen) && queue.done(chosen),
        take: () => (queue.depth > 0 ? take() : undefined),
        wait: () => timers.advance(500),
      }
      for (const { do: name, key: chosen } of steps) await actions[name]?.(chosen)
      for (let round = 0; round < 2; round++) {
        for (const chosen of inWork) queue.done(chosen)
        inWork.clear()
        while (queue.depth > 0) await take()
      }
      assert.deepEqual([...owed], [])
    }),
    { numRuns: 300 },
  )
})
