import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { election, leaseRef } from '../testing/electors.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { createLeaderElector } from './leader-elector.ts'
import { leases } from './resources.ts'

const hours = 3_600_000
const expired = { leaseDurationSeconds: 15, leaseTransitions: 4 }

test('a lease that nobody made yet is taken at once and renewed for as long as it runs', async (t) => {
  const { join, pass, lease } = await election(t)
  const { elector, terms, changes } = join('a')
  assert.deepEqual([elector.leading, elector.holder], [false, undefined])
  await pass(0.1)
  assert.deepEqual([elector.leading, elector.holder], [true, 'a'])
  const first = lease()?.spec
  assert.deepEqual(first, {
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    acquireTime: '2026-01-01T00:00:00.000001Z',
    renewTime: '2026-01-01T00:00:00.000001Z',
    leaseTransitions: 0,
  })
  await pass(60)
  assert.equal(terms.length, 1)
  assert.deepEqual(changes, [{ at: 0, leading: true }])
  const { renewTime, ...rest } = lease()?.spec ?? {}
  assert.match(renewTime ?? '', /^2026-01-01T00:01:00\.0000\d\dZ$/)
  assert.deepEqual({ ...rest, renewTime: first?.renewTime }, first)
})

test('a lease that was given back is taken at once, and the transition counted', async (t) => {
  const { join, pass, lease, writeLease } = await election(t)
  writeLease({ ...expired, leaseDurationSeconds: 1, holderIdentity: null })
  const { elector } = join('a')
  await pass(0.1)
  assert.equal(elector.leading, true)
  assert.deepEqual([lease()?.spec?.leaseTransitions, lease()?.spec?.leaseDurationSeconds], [5, 15])
})

test('what others keep in the lease stays there', async (t) => {
  const { join, pass, lease, server } = await election(t)
  server.write(leases, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...leaseRef, labels: { team: 'pki' } },
    spec: { leaseTransitions: 1 },
  })
  join('a')
  await pass(0.1)
  assert.equal(lease()?.spec?.holderIdentity, 'a')
  assert.deepEqual(lease()?.metadata.labels, { team: 'pki' })
})

for (const [what, renewTime] of [
  ['from the future', '2026-01-01T09:00:00.000000Z'],
  ['from hours ago', '2025-12-31T15:00:00.000000Z'],
  ['missing', undefined],
] as const) {
  test(`a lease of somebody who is gone is taken after its duration as we measure it, its time being ${what}`, async (t) => {
    const { join, pass, writeLease, lease } = await election(t)
    writeLease({ ...expired, holderIdentity: 'gone', ...(renewTime !== undefined && { renewTime }) })
    const { elector, log } = join('a')
    await pass(14.9)
    assert.deepEqual([elector.leading, elector.holder], [false, 'gone'])
    await pass(2.2)
    assert.deepEqual([elector.leading, elector.holder], [true, 'a'])
    assert.equal(lease()?.spec?.leaseTransitions, 5)
    assert.deepEqual(
      log.lines.map(({ message, fields }) => [message, fields['owner']]),
      [
        ['another replica leads', 'gone'],
        ['this replica leads', undefined],
      ],
    )
  })
}

test('the duration that counts is the one the holder wrote', async (t) => {
  const { join, pass, writeLease } = await election(t)
  writeLease({ holderIdentity: 'gone', leaseDurationSeconds: 40 })
  const { elector } = join('a')
  await pass(39)
  assert.equal(elector.leading, false)
  await pass(3)
  assert.equal(elector.leading, true)
})

for (const [what, now] of [
  ['is five hours slow', (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms - 5 * hours)],
  ['is five hours fast', (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms + 5 * hours)],
  ['runs backwards', (ms: number) => new Date(Date.UTC(2026, 0, 1) - ms)],
  ['stands still', () => new Date(Date.UTC(2026, 0, 1))],
] as const) {
  test(`a holder whose clock ${what} keeps the lease`, async (t) => {
    const { join, pass, timers } = await election(t)
    const a = join('a', { clock: { now: () => now(timers.now()) } })
    await pass(1)
    const b = join('b')
    await pass(120)
    assert.deepEqual([a.elector.leading, a.terms.length, b.terms.length], [true, 1, 0])
  })
}

test('of replicas that begin at the same moment one leads', async (t) => {
  const { join, pass } = await election(t)
  const replicas = ['a', 'b', 'c'].map((identity) => join(identity))
  await pass(0.1)
  assert.equal(replicas.filter(({ elector }) => elector.leading).length, 1)
  await pass(30)
  assert.equal(replicas.flatMap(({ terms }) => terms).length, 1)
  assert.deepEqual(
    replicas.flatMap(({ log }) => log.lines.filter(({ level }) => level !== 'info')),
    [],
    'who was slower makes no fuss',
  )
})

test('stop aborts the leader’s work, waits for its end and lets another take over at once', async (t) => {
  const { join, pass, seconds, lease } = await election(t)
  const a = join('a', { endSeconds: 3 })
  await pass(0.1)
  const b = join('b')
  await pass(4.9)
  let stopped: number | undefined
  const stopping = a.elector.stop().then(() => (stopped = seconds()))
  assert.deepEqual([a.elector.leading, a.terms[0]?.aborted], [false, 5])
  await pass(2.9)
  assert.deepEqual([stopped, b.terms.length], [undefined, 0])
  await pass(0.1)
  await stopping
  assert.deepEqual([a.terms[0]?.ended, stopped], [8, 8])
  assert.deepEqual([lease()?.spec?.holderIdentity, lease()?.spec?.leaseDurationSeconds], [null, 1])
  await pass(2)
  assert.deepEqual([b.elector.leading, b.elector.holder], [true, 'b'])
  assert.deepEqual(a.changes, [
    { at: 0, leading: true },
    { at: 5, leading: false },
  ])
})

test('while the work of a stopped leader takes its time, the lease is kept', async (t) => {
  const { join, pass } = await election(t)
  const a = join('a', { endSeconds: 60 })
  await pass(0.1)
  const b = join('b')
  await pass(2)
  const stopping = a.elector.stop()
  await pass(59)
  assert.equal(b.terms.length, 0)
  await pass(4)
  await stopping
  assert.equal(b.terms.length, 1)
})

test('stop while another leads touches nothing', async (t) => {
  const { join, pass, lease } = await election(t)
  join('a')
  await pass(1)
  const b = join('b')
  await pass(1)
  const before = lease()?.metadata.resourceVersion
  await b.elector.stop()
  assert.equal(lease()?.metadata.resourceVersion, before)
  assert.equal(b.elector.holder, 'a')
})

test('stop in the middle of taking the lease gives it back, and the work never begins', async (t) => {
  const { join, pass, lease, server, timers } = await election(t)
  const answer = Promise.withResolvers<void>()
  server.fail({ method: 'POST', path: 'leases', answer: { after: answer.promise } })
  const { elector, terms, changes } = join('a')
  await timers.until(() => server.requests.some(({ method }) => method === 'POST'), 'the lease is being made')
  let stopped = false
  const stopping = elector.stop().then(() => (stopped = true))
  for (let turns = 0; turns < 100; turns++) await turn()
  assert.equal(stopped, false, 'it is not known yet who holds the lease')
  answer.resolve()
  await stopping
  await pass(0.1)
  assert.deepEqual([lease()?.spec?.holderIdentity, terms.length, changes.length], [null, 0, 0])
})

test('a process that was paused knows that it may not lead any more before its timers had their turn', async (t) => {
  const { join, pass, timers } = await election(t)
  let pausedMs = 0
  const { elector } = join('a', { timers: { ...timers, now: () => timers.now() + pausedMs } })
  await pass(0.1)
  assert.equal(elector.leading, true)
  pausedMs = 9_800
  assert.equal(elector.leading, true)
  pausedMs = 10_000
  assert.equal(elector.leading, false)
  pausedMs = 0
})

test('an elector that was never started stops, and one that was stopped does not start', async (t) => {
  const { pass, server, join } = await election(t)
  const { elector } = join('a')
  await elector.stop()
  const requests = server.requests.length
  elector.start()
  await pass(5)
  assert.equal(server.requests.length, requests)
})

for (const [what, error] of [
  ['returns', undefined],
  ['throws', new Error('stale epoch')],
] as const) {
  test(`work that ${what} by itself gives the lease back, and another takes it`, async (t) => {
    const { join, pass, lease } = await election(t)
    const a = join('a', { random: () => 0.5 })
    await pass(0.1)
    const b = join('b')
    await pass(1)
    a.terms[0]?.end(error)
    await pass(0.1)
    assert.deepEqual([a.elector.leading, lease()?.spec?.holderIdentity], [false, null])
    await pass(2)
    assert.deepEqual([b.elector.leading, a.terms.length], [true, 1])
    const told = error === undefined ? /ended by itself/ : /leading failed/
    assert.ok(a.log.lines.some(({ message }) => told.test(message)))
  })
}

test('work that fails every time is tried again after the retry period, and not in a hurry', async (t) => {
  const { join, pass } = await election(t)
  const { terms, changes, log } = join('a', { lead: () => Promise.reject(new Error('database away')) })
  await pass(10)
  assert.equal(terms.length, 0)
  assert.deepEqual(
    changes.filter(({ leading }) => leading).map(({ at }) => at),
    [0, 2, 4, 6, 8, 10],
  )
  assert.equal(log.lines.filter(({ level }) => level === 'error').length, 6)
})

test('work that throws at once instead of returning a promise is work that failed', async (t) => {
  const { join, pass } = await election(t)
  const { log } = join('a', {
    lead() {
      throw new TypeError('a defect')
    },
  })
  await pass(0.1)
  assert.match(String(log.lines.at(-1)?.fields['err']), /a defect/)
})

test('a listener that throws does not end the election', async (t) => {
  const { join, pass } = await election(t)
  const { elector } = join('a', {
    onChange() {
      throw new Error('broken gauge')
    },
  })
  await pass(20)
  assert.equal(elector.leading, true)
})

test('deadlines that could not keep two leaders apart are refused', () => {
  const timers = fakeTimers()
  const unused = (): Promise<never> => Promise.reject(new Error('no request is made'))
  const options = {
    client: { get: unused, create: unused, update: unused },
    namespace: 'certctl',
    leaseName: 'leader',
    identity: 'a',
    timers,
    log: recordingLog(),
    clock: { now: () => new Date(0) },
    lead: () => Promise.resolve(),
  }
  assert.throws(() => createLeaderElector({ ...options, renewDeadlineSeconds: 15 }), RangeError)
  assert.throws(() => createLeaderElector({ ...options, retryPeriodSeconds: 5 }), RangeError)
})
