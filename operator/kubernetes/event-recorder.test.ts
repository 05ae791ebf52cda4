import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startApiServer } from '../testing/api-server.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { createKubernetesClient } from './client.ts'
import { createEventRecorder } from './event-recorder.ts'
import type { EventFacts } from './event-recorder.ts'
import type { KubernetesEvent, KubernetesObject } from './objects.ts'
import { events } from './resources.ts'

const minute = 60_000
const always = Number.POSITIVE_INFINITY

const issuer: KubernetesObject = {
  apiVersion: 'certctl.io/v1alpha1',
  kind: 'Issuer',
  metadata: { namespace: 'pki', name: 'root', uid: '7d1f2c1e-0000-4000-8000-000000000001' },
}

function anEvent(changes: Partial<EventFacts> = {}): EventFacts {
  return {
    regarding: issuer,
    type: 'Normal',
    reason: 'Issued',
    action: 'Ready',
    note: 'The CA certificate was made.',
    ...changes,
  }
}

function sortKey({ type, note, eventTime }: KubernetesEvent): string {
  return `${type} ${note} ${eventTime}`
}

/** A recorder on an API server; `pass` lets time pass and the API server answer. */
async function recording(t: TestContext, { reportingInstance = 'certctl-0' } = {}) {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const log = recordingLog()
  const client = createKubernetesClient({ credentials: server.credentials(), timers })
  t.after(() => client.close())
  const calls = { begun: 0, underWay: 0 }
  const recorder = createEventRecorder({
    client: {
      async apply(...call) {
        calls.begun += 1
        calls.underWay += 1
        return client.apply(...call).finally(() => (calls.underWay -= 1))
      },
    },
    reportingController: 'certctl.io/operator',
    reportingInstance,
    timers,
    clock: { now: () => new Date(Date.UTC(2026, 0, 1) + timers.now()) },
    log,
  })
  const isQuiet = (): boolean => calls.underWay === 0 || server.requests.length >= calls.begun
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 5; turns++) {
      await timers.until(() => calls.underWay === 0, 'the answer of the API server')
      await turn()
    }
  }
  return {
    server,
    timers,
    log,
    recorder,
    settle,
    /** Until the API server has the request, whether it answers or not. */
    arrived: () => timers.until(() => calls.underWay > 0 && isQuiet(), 'the request arrives'),
    /** Lets time pass while requests may be held back. */
    settleIn: async (ms: number): Promise<void> => {
      await timers.advance(ms)
      for (let turns = 0; turns < 20; turns++) await turn()
    },
    pass: async (ms: number): Promise<void> => {
      await settle()
      await timers.advance(ms)
      await settle()
    },
    /** By type, note and time: the names are random. */
    stored: (): readonly KubernetesEvent[] =>
      server.readAll(events).toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)),
  }
}

test('what happened is written with everything the API server asks for', async (t) => {
  const { recorder, settle, stored } = await recording(t)
  recorder.record(anEvent())
  await settle()
  const [event, ...others] = stored()
  assert.equal(others.length, 0)
  const { metadata, ...rest } = event ?? assert.fail('no event')
  assert.match(metadata.name, /^root\.[0-9a-f]{16}$/)
  assert.equal(metadata.namespace, 'pki')
  assert.deepEqual(rest, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'certctl.io/operator',
    reportingInstance: 'certctl-0',
    action: 'Ready',
    reason: 'Issued',
    regarding: {
      apiVersion: 'certctl.io/v1alpha1',
      kind: 'Issuer',
      namespace: 'pki',
      name: 'root',
      uid: '7d1f2c1e-0000-4000-8000-000000000001',
    },
    note: 'The CA certificate was made.',
    type: 'Normal',
  })
})

test('an object without a namespace has its events in `default`', async (t) => {
  const { recorder, settle, stored } = await recording(t)
  const metadata = { name: 'certctl-web', uid: 'u' }
  recorder.record(anEvent({ regarding: { apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer', metadata } }))
  await settle()
  assert.equal(stored()[0]?.metadata.namespace, 'default')
  assert.deepEqual(stored()[0]?.regarding, { apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer', ...metadata })
})

test('what the API server would refuse for its length is cut, and no character in two', async (t) => {
  const { recorder, settle, stored, log } = await recording(t, { reportingInstance: `pod-${'x'.repeat(200)}` })
  const name = `${'a'.repeat(235)}-${'b'.repeat(17)}`
  const regarding = { ...issuer, metadata: { ...issuer.metadata, name } }
  recorder.record(
    anEvent({ regarding, note: `${'x'.repeat(1023)}é`, reason: 'R'.repeat(129), action: 'A'.repeat(500) }),
  )
  await settle()
  const [event] = stored()
  assert.deepEqual(log.lines, [])
  assert.equal(event?.note, 'x'.repeat(1023))
  assert.deepEqual([event?.reason.length, event?.action.length, event?.reportingInstance.length], [128, 128, 128])
  assert.match(event?.metadata.name ?? '', /^a{235}\.[0-9a-f]{16}$/)
})

test('a condition that flips to and fro becomes two series, each with a count and its last time', async (t) => {
  const { recorder, pass, stored } = await recording(t)
  for (let flip = 0; flip < 20; flip++) {
    recorder.record(flip % 2 === 0 ? anEvent() : anEvent({ type: 'Warning', reason: 'Failed', note: 'No database.' }))
    await pass(5_000)
  }
  await pass(30_000)
  const seen = stored().map(({ reason, series }) => [reason, series?.count, series?.lastObservedTime])
  assert.deepEqual(seen, [
    ['Issued', 10, '2026-01-01T00:01:30.000000Z'],
    ['Failed', 10, '2026-01-01T00:01:35.000000Z'],
  ])
})

test('a series is written every 30 seconds at most', async (t) => {
  const { recorder, pass, server, stored } = await recording(t)
  for (let second = 0; second < 120; second++) {
    recorder.record(anEvent())
    await pass(1_000)
  }
  assert.equal(server.requests.length, 1 + 4)
  assert.equal(stored()[0]?.series?.count, 120)
})

test('the same news after more than six minutes is a new event', async (t) => {
  const { recorder, pass, stored } = await recording(t)
  recorder.record(anEvent())
  await pass(6 * minute)
  recorder.record(anEvent())
  await pass(6 * minute + 1)
  recorder.record(anEvent())
  await pass(minute)
  assert.deepEqual(
    stored().map(({ eventTime, series }) => [eventTime, series?.count]),
    [
      ['2026-01-01T00:00:00.000000Z', 2],
      ['2026-01-01T00:12:00.001000Z', undefined],
    ],
  )
})

test('other objects, reasons, actions, types and notes are other news', async (t) => {
  const { recorder, settle, stored } = await recording(t)
  const another = { ...issuer, metadata: { ...issuer.metadata, uid: 'another' } }
  for (const changes of [
    {},
    { regarding: another },
    { type: 'Warning' as const },
    { reason: 'Other' },
    { action: 'Other' },
    { note: 'Other' },
  ]) {
    recorder.record(anEvent(changes))
  }
  await settle()
  assert.equal(stored().length, 6)
})

test('an object that has ever other news gets 25 events and then one in five minutes; others go on', async (t) => {
  const { recorder, pass, stored } = await recording(t)
  const another = { ...issuer, metadata: { ...issuer.metadata, name: 'quiet', uid: 'another' } }
  let count = 0
  const chatter = (times: number): void => {
    for (let i = 0; i < times; i++) recorder.record(anEvent({ note: `news ${(count += 1)}` }))
  }
  chatter(40)
  recorder.record(anEvent({ regarding: another }))
  await pass(0)
  assert.equal(stored().length, 26)
  await pass(5 * minute - 1)
  chatter(5)
  await pass(0)
  assert.equal(stored().length, 26)
  await pass(1)
  chatter(5)
  await pass(0)
  assert.equal(stored().length, 27)
  await pass(24 * 60 * minute)
  chatter(40)
  await pass(0)
  assert.equal(stored().length, 27 + 25, 'what was saved up has a limit')
})

test('a repetition is counted whatever was spent', async (t) => {
  const { recorder, pass, stored } = await recording(t)
  for (let i = 0; i < 30; i++) recorder.record(anEvent({ note: `news ${i}` }))
  recorder.record(anEvent({ note: 'news 0' }))
  await pass(30_000)
  assert.equal(stored().find(({ note }) => note === 'news 0')?.series?.count, 2)
})

test('what the API server refuses is dropped, told once a minute, and holds nothing up', async (t) => {
  const { recorder, pass, server, log, stored } = await recording(t)
  server.fail({ answer: { status: 403 }, times: 3 })
  for (let i = 0; i < 4; i++) recorder.record(anEvent({ note: `news ${i}` }))
  await pass(0)
  assert.deepEqual(
    stored().map(({ note }) => note),
    ['news 3'],
  )
  assert.equal(log.lines.length, 1)
  await pass(minute)
  server.fail({ answer: { status: 403 } })
  recorder.record(anEvent({ note: 'news 4' }))
  await pass(0)
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields['count']]),
    [
      ['warn', 1],
      ['warn', 4],
    ],
  )
})

for (const [what, answer] of [
  ['is away', 'reset'],
  ['is overloaded', { status: 429 }],
  ['is broken', { status: 500 }],
] as const) {
  test(`while the API server ${what} events wait, and are written afterwards`, async (t) => {
    const { recorder, pass, server, stored } = await recording(t)
    server.fail({ answer, times: always })
    recorder.record(anEvent({ note: 'first' }))
    recorder.record(anEvent({ note: 'second' }))
    recorder.record(anEvent({ note: 'first' }))
    await pass(9_000)
    assert.equal(server.requests.length, 1, 'one attempt tells enough')
    server.recover()
    await pass(1_000)
    const written = stored()
    assert.deepEqual(
      written.map(({ note, series }) => [note, series?.count]),
      [
        ['first', 2],
        ['second', undefined],
      ],
    )
    assert.deepEqual(written[0]?.eventTime, '2026-01-01T00:00:00.000000Z')
  })
}

test('news that could not be written for a minute is given up, and the next is tried', async (t) => {
  const { recorder, pass, server, stored } = await recording(t)
  server.fail({ answer: { status: 500 }, times: always })
  recorder.record(anEvent({ note: 'old' }))
  for (let i = 0; i < 12; i++) await pass(10_000)
  assert.equal(server.requests.length, 6)
  server.recover()
  recorder.record(anEvent({ note: 'new' }))
  await pass(10_000)
  assert.deepEqual(
    stored().map(({ note }) => note),
    ['new'],
  )
})

test('a request without an answer is given up and tried again', async (t) => {
  const { recorder, arrived, timers, server, stored, settle, pass } = await recording(t)
  server.fail({ answer: 'hang' })
  recorder.record(anEvent())
  await arrived()
  await timers.advance(5_000)
  await settle()
  await pass(10_000)
  assert.equal(stored().length, 1)
})

test('flush writes what is held back and waits for it', async (t) => {
  const { recorder, settle, stored, server } = await recording(t)
  recorder.record(anEvent())
  await settle()
  recorder.record(anEvent())
  recorder.record(anEvent({ note: 'other' }))
  await recorder.flush()
  assert.deepEqual(
    stored().map(({ series }) => series?.count),
    [2, undefined],
  )
  const requests = server.requests.length
  await recorder.flush()
  assert.equal(server.requests.length, requests, 'there is nothing left to write')
})

test('stop writes what is left and records nothing more', async (t) => {
  const { recorder, pass, stored, timers } = await recording(t)
  recorder.record(anEvent())
  recorder.record(anEvent())
  await recorder.stop()
  assert.equal(stored().length, 1)
  recorder.record(anEvent())
  recorder.record(anEvent({ note: 'too late' }))
  assert.equal(timers.pending, 0)
  await pass(minute)
  assert.deepEqual(
    stored().map(({ series }) => series?.count),
    [2],
  )
})

test('flush does not wait for an API server that takes its time with each event', async (t) => {
  const { recorder, timers, server, settleIn } = await recording(t)
  for (let i = 1; i <= 4; i++) {
    recorder.record(anEvent({ note: `news ${i}` }))
    server.fail({ answer: { after: timers.sleep(i * 3_000) } })
  }
  let flushed: number | undefined
  const flushing = recorder.flush().then(() => (flushed = timers.now()))
  for (let second = 0; second < 9; second++) await settleIn(1_000)
  await flushing
  assert.equal(flushed, 5_000)
  await settleIn(3_000)
})

test('a flood is written in part and forgotten after a while', async (t) => {
  const { recorder, pass, stored } = await recording(t)
  const about = (uid: string): EventFacts =>
    anEvent({ regarding: { ...issuer, metadata: { ...issuer.metadata, uid } } })
  for (let i = 0; i < 3_000; i++) recorder.record(about(`object ${i}`))
  await pass(0)
  assert.equal(stored().length, 1_001, 'one was under way at once')
  recorder.record(about('another'))
  await pass(6 * minute + 1)
  assert.equal(stored().length, 1_001)
  recorder.record(about('another'))
  await pass(0)
  assert.equal(stored().length, 1_002)
})

for (const [what, answer] of [
  ['does not answer', 'hang'],
  ['is away', 'reset'],
] as const) {
  test(`stop takes seconds and no longer when the API server ${what}`, async (t) => {
    const { recorder, timers, server } = await recording(t)
    server.fail({ answer, times: always })
    for (let i = 0; i < 10; i++) recorder.record(anEvent({ note: `news ${i}` }))
    let stopped = false
    const stopping = recorder.stop().then(() => (stopped = true))
    await timers.until(() => stopped || server.requests.length > 0, 'the request arrives')
    await timers.advance(5_000)
    await stopping
    assert.equal(timers.pending, 0)
  })
}
