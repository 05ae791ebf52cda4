import assert from 'node:assert/strict'
import { test } from 'node:test'
import { election, leaseRef } from '../testing/electors.ts'
import type { Election, Replica } from '../testing/electors.ts'
import { leases } from './resources.ts'

const always = Number.POSITIVE_INFINITY

/** How many of them have work under way, told to end or not. */
function working(replicas: readonly Replica[]): number {
  return replicas.flatMap(({ terms }) => terms).filter(({ ended }) => ended === undefined).length
}

test('a write of somebody who leaves our name in place costs nothing', async (t) => {
  const { join, pass, lease, server } = await election(t)
  const { elector, terms, log } = join('a')
  await pass(1)
  server.write(leases, { ...lease()!, metadata: { ...lease()!.metadata, labels: { seen: 'yes' } } })
  await pass(30)
  assert.deepEqual([elector.leading, terms.length, lease()?.metadata.labels], [true, 1, { seen: 'yes' }])
  assert.deepEqual(
    log.lines.filter(({ level }) => level !== 'info'),
    [],
  )
})

test('a lease that bears another’s name is lost at the next renewal, and honoured', async (t) => {
  const { join, pass, writeLease } = await election(t)
  const { elector, terms, changes } = join('a')
  await pass(1)
  writeLease({ holderIdentity: 'usurper', leaseDurationSeconds: 15 })
  await pass(1.1)
  assert.deepEqual([elector.leading, elector.holder, terms[0]?.aborted], [false, 'usurper', 2])
  assert.match(String(terms[0]?.signal.reason), /held by usurper/)
  await pass(14.8)
  assert.equal(terms.length, 1)
  await pass(2.2)
  assert.equal(terms.length, 2)
  assert.deepEqual(
    changes.map(({ leading }) => leading),
    [true, false, true],
  )
})

test('a lease that was cleared by hand is lost, and may be won again', async (t) => {
  const { join, pass, writeLease } = await election(t)
  const { terms } = join('a')
  await pass(1)
  writeLease({ holderIdentity: null })
  await pass(1.1)
  assert.equal(terms[0]?.aborted, 2)
  await pass(2)
  assert.equal(terms.length, 2)
})

test('a lease that is deleted while we lead is made anew, and those who saw it wait', async (t) => {
  const { join, pass, server, lease } = await election(t)
  const a = join('a')
  await pass(0.5)
  const b = join('b')
  // It looks again at 2.5 s, and the leader, who has just renewed, not before 4 s.
  await pass(1.6)
  server.remove(leases, leaseRef)
  await pass(60)
  assert.deepEqual([a.elector.leading, a.terms.length, b.terms.length], [true, 1, 0])
  assert.equal(lease()?.spec?.holderIdentity, 'a')
})

test('a lease that was deleted and made by another is lost', async (t) => {
  const { join, pass, server, writeLease } = await election(t)
  const a = join('a')
  await pass(1)
  server.remove(leases, leaseRef)
  writeLease({ holderIdentity: 'newcomer', leaseDurationSeconds: 15 })
  await pass(1.1)
  assert.deepEqual([a.elector.leading, a.elector.holder, a.terms[0]?.aborted], [false, 'newcomer', 2])
  const requests = server.requests.length
  await a.elector.stop()
  assert.equal(server.requests.length, requests, 'there is nothing to give back')
})

for (const [what, answer] of [
  ['refuses connections', 'reset'],
  ['answers with errors', { status: 500 }],
] as const) {
  test(`an API server that ${what} for less than the renew deadline ends nothing`, async (t) => {
    const { join, pass, server } = await election(t)
    const { elector, terms, log } = join('a')
    await pass(2.1)
    server.fail({ answer, times: always })
    await pass(7.8)
    assert.equal(elector.leading, true)
    server.recover()
    await pass(30)
    assert.deepEqual([elector.leading, terms.length, terms[0]?.aborted], [true, 1, undefined])
    assert.equal(log.lines.filter(({ level }) => level === 'warn').length, 1)
  })

  test(`an API server that ${what} for longer ends leading in time, and it is tried again`, async (t) => {
    const { join, pass, server } = await election(t)
    const { elector, terms, log } = join('a')
    await pass(2.1)
    server.fail({ answer, times: always })
    await pass(9.8)
    assert.equal(elector.leading, true)
    await pass(0.2)
    // The last renewal began at 2 s; others may take over from 17 s on.
    assert.deepEqual([elector.leading, terms[0]?.aborted, terms[0]?.ended], [false, 12, 12])
    await pass(300)
    assert.ok(
      log.lines.filter(({ level }) => level === 'warn').length < 20,
      'a line a minute, not one for each attempt',
    )
    assert.deepEqual(
      log.lines.filter(({ message }) => message.includes('released')),
      [],
      'there is nobody to give the lease back to',
    )
    server.recover()
    await pass(2.1)
    assert.deepEqual([elector.leading, terms.length], [true, 2])
  })
}

test('an API server that takes requests and never answers ends leading in time as well', async (t) => {
  const it = await election(t)
  const { elector, terms } = it.join('a')
  await it.pass(2.1)
  it.hanging = true
  it.server.fail({ answer: 'hang', times: always })
  await it.pass(9.8)
  assert.equal(elector.leading, true)
  await it.pass(0.2)
  assert.deepEqual([elector.leading, terms[0]?.aborted], [false, 12])
  it.server.recover()
  it.hanging = false
  await it.pass(8)
  assert.deepEqual([elector.leading, terms.length], [true, 2])
})

test('one request without an answer does not use up the renew deadline', async (t) => {
  const it = await election(t)
  const { elector, terms } = it.join('a')
  await it.pass(2.1)
  it.hanging = true
  it.server.fail({ answer: 'hang' })
  await it.pass(30)
  assert.deepEqual([elector.leading, terms.length], [true, 1])
})

test('another takes over after the lease has expired, when the first can’t reach the API server', async (t) => {
  const { join, pass, server } = await election(t)
  const a = join('a')
  await pass(0.1)
  const b = join('b')
  await pass(5)
  const fault = { answer: 'reset', times: always } as const
  // Only the first one's requests carry its name.
  server.fail({ method: 'PUT', ...fault })
  await pass(12)
  assert.deepEqual([a.terms[0]?.aborted, a.elector.leading], [14, false])
  server.recover()
  a.crash()
  await pass(7, () => assert.ok(working([a, b]) <= 1))
  assert.deepEqual([b.elector.leading, a.terms.length], [true, 1])
})

test('a replica that lost its power is followed after the lease’s duration', async (t) => {
  const { join, pass, seconds } = await election(t)
  const a = join('a')
  await pass(0.1)
  const b = join('b')
  await pass(2)
  a.crash()
  const crashed = seconds()
  await pass(18)
  const takenOver = b.terms[0]?.began ?? assert.fail('nobody took over')
  assert.ok(takenOver - crashed > 12 && takenOver - crashed < 18, `after ${takenOver - crashed} s`)
})

test('work that takes long to end is not begun again before, even when the lease is free', async (t) => {
  const { join, pass, server } = await election(t)
  const { elector, terms } = join('a', { endSeconds: 60 })
  await pass(2.1)
  server.fail({ answer: 'reset', times: always })
  await pass(11)
  server.recover()
  assert.equal(terms[0]?.aborted, 12)
  await pass(58)
  assert.deepEqual([terms.length, elector.leading, terms[0]?.ended], [1, false, undefined])
  await pass(4)
  assert.deepEqual([terms.length, elector.leading, terms[0]?.ended], [2, true, 72])
})

test('a lease whose taking was not confirmed is ours at the next attempt', async (t) => {
  const { join, pass, server, timers, lease } = await election(t)
  const release = Promise.withResolvers<void>()
  // The write arrives after the elector has given it up.
  server.fail({ method: 'POST', path: 'leases', answer: { after: release.promise } })
  const { elector, terms } = join('a')
  await timers.until(() => server.requests.some(({ method }) => method === 'POST'), 'the lease is being made')
  await timers.advance(5_000)
  release.resolve()
  await timers.until(() => lease() !== undefined, 'the late write')
  await pass(3)
  assert.deepEqual([elector.leading, terms.length, lease()?.spec?.holderIdentity], [true, 1, 'a'])
})

test('stop is bounded when the API server does not answer', async (t) => {
  const it = await election(t)
  const { elector, log } = it.join('a')
  await it.pass(2.1)
  it.hanging = true
  it.server.fail({ answer: 'hang', times: always })
  let stopped = false
  const stopping = elector.stop().then(() => (stopped = true))
  await it.pass(4.8)
  assert.equal(stopped, false)
  await it.pass(0.4)
  await stopping
  assert.match(log.lines.at(-1)?.message ?? '', /could not be released/)
})

test('a renewal that arrives late does not keep the lease from being released', async (t) => {
  const { join, pass, server, lease } = await election(t)
  const { elector } = join('a')
  await pass(1)
  server.fail({ method: 'PUT', answer: { status: 409 } })
  await elector.stop()
  assert.equal(lease()?.spec?.holderIdentity, null)
})

/** Numbers from 0 up to 1 that a seed determines (Park and Miller). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Three replicas in all kinds of trouble: work that ends or fails, requests that are lost, stops and newcomers. */
async function live(it: Election, seed: number): Promise<{ replicas: Replica[]; most: number }> {
  const random = numbers(seed * 7919)
  // Each has numbers of its own: which of them asks first is not determined.
  const join = (identity: string): Replica => it.join(identity, { random: numbers(seed + replicas.length) })
  const replicas: Replica[] = []
  for (const identity of ['a', 'b', 'c']) replicas.push(join(identity))
  let most = 0
  const underWay = () => replicas.flatMap(({ terms }) => terms).find(({ ended }) => ended === undefined)
  const leader = () => replicas.find(({ elector }) => elector.leading)
  const newcomer = (): void => void replicas.push(join(`late-${replicas.length}`))
  const trouble: readonly (() => unknown)[] = [
    () => it.server.fail({ answer: 'reset', times: 1 + Math.floor(random() * 40) }),
    () => it.server.fail({ answer: { status: 503 }, times: 1 + Math.floor(random() * 10) }),
    () => it.server.fail({ method: 'PUT', answer: { status: 409 } }),
    () => it.server.remove(leases, leaseRef),
    () => underWay()?.end(),
    () => underWay()?.end(new Error('stale epoch')),
    () => void leader()?.elector.stop(),
    () => leader()?.crash(),
    newcomer,
    newcomer,
  ]
  for (let round = 0; round < 3; round++) {
    const order = trouble.map((happen) => ({ happen, at: random() })).toSorted((x, y) => x.at - y.at)
    for (const { happen } of order) {
      happen()
      // A newcomer who never saw a lease that was deleted takes the place of a leader who doesn't know yet: not so soon.
      await it.pass(3 + random() * 20, () => {
        most = Math.max(most, replicas.filter(({ elector }) => elector.leading).length)
      })
    }
  }
  return { replicas, most }
}

for (const seed of [1, 2, 3, 4]) {
  test(`never do two lead at once, whatever happens to them (seed ${seed})`, async (t) => {
    const it = await election(t)
    const { replicas, most } = await live(it, seed)
    assert.equal(most, 1)
    assert.ok(replicas.flatMap(({ terms }) => terms).length > 5, 'it was not always the same leader')
    const terms = replicas.flatMap((replica) => replica.terms).toSorted((a, b) => a.began - b.began)
    for (const [index, term] of terms.entries()) {
      const next = terms[index + 1]
      // One that lost its power can't end; its signal has been aborted by its own timer all the same.
      if (next !== undefined) assert.ok((term.ended ?? Infinity) <= next.began, `${term.ended} > ${next.began}`)
    }
    it.server.recover()
    const last = it.join('last')
    await it.pass(30)
    assert.equal([...replicas, last].filter(({ elector }) => elector.leading).length, 1, 'in the end somebody leads')
  })
}
