import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultAnswer } from '../testing/api-server.ts'
import { watchedKind } from '../testing/watched-kind.ts'
import { certificateProfiles } from './resources.ts'

const faults: readonly [string, FaultAnswer, cause: string, pauseMs: number][] = [
  ['401', { status: 401 }, 'refused', 1500],
  ['403', { status: 403 }, 'refused', 1500],
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '7' } }, 'throttled', 7000],
  [
    '503 with a Retry-After that nobody can mean',
    { status: 503, headers: { 'retry-after': '99999' } },
    'failing',
    300_000,
  ],
  ['500', { status: 500 }, 'failing', 1500],
  ['a reset', 'reset', 'unreachable', 1500],
  ['an event cut off', { text: '{"type":"ADD' }, 'unreachable', 1500],
  ['an event that is not JSON', { text: 'oops\n' }, 'unreachable', 1500],
  ['an ERROR event', { text: '{"type":"ERROR","object":{"code":500,"message":"etcd"}}\n' }, 'failing', 1500],
]
for (const [what, answer, cause, pauseMs] of faults) {
  test(`after ${what} the watch goes on from the last version, after a pause`, async (t) => {
    const { server, timers, changes, lists, watches, write, watching, pausing, told, restarts, log } =
      await watchedKind(t)
    await watching()
    const { metadata } = write('a', 1)
    await told(1)
    server.fail({ watch: true, answer })
    await timers.advance(2000)
    server.dropWatches()
    await pausing()
    await timers.advance(750)
    await timers.until(() => restarts.length === 2, 'the fault')
    await pausing()
    write('b', 1)
    const before = watches().length
    await timers.advance(pauseMs - 1)
    assert.equal(watches().length, before)
    await timers.advance(1)
    await told(2)
    assert.deepEqual(changes, ['a 1', 'b 1'])
    assert.equal(lists().length, 1)
    assert.equal(watches().at(-1)?.get('resourceVersion'), metadata.resourceVersion)
    assert.deepEqual(restarts, ['CertificateProfile unreachable', `CertificateProfile ${cause}`])
    assert.equal(log.lines.at(-1)?.message, 'the watch works again')
  })
}

for (const as of ['status', 'event'] as const) {
  test(`a version forgotten, told as ${as === 'status' ? 'a status' : 'an event'}, makes everything be listed anew at once`, async (t) => {
    const { server, timers, changes, lists, write, remove, watching, restarts, told, pausing } = await watchedKind(t)
    for (const name of ['same', 'changed', 'removed']) write(name, 1)
    await watching()
    server.dropWatches()
    await pausing()
    write('changed', 2)
    write('added', 1)
    remove('removed')
    server.compact(as)
    await timers.advance(750)
    await told(6)
    await timers.until(() => server.watches === 1, 'the watch is open')
    assert.deepEqual(changes.slice(3), ['added 1', 'changed 2', 'removed gone'])
    assert.equal(lists().length, 2)
    assert.deepEqual(restarts, ['CertificateProfile unreachable', 'CertificateProfile gone'])
  })
}

test('a watch that lived before its version was forgotten costs no pause, however often that happens', async (t) => {
  const { server, timers, lists, watches, watching } = await watchedKind(t)
  await watching()
  for (let i = 2; i < 5; i++) {
    await timers.advance(10_000)
    server.sendRaw('{"type":"ERROR","object":{"code":410}}\n')
    await timers.until(() => watches().length === i && server.watches === 1, 'the next watch')
    assert.equal(lists().length, i)
  }
})

test('an API server that forgets what it has just listed is not asked in a hurry', async (t) => {
  const { server, timers, informer, lists, pausing } = await watchedKind(t)
  server.fail({ watch: true, answer: { status: 410 }, times: 100 })
  informer.start()
  await pausing()
  assert.equal(lists().length, 2)
  await timers.advance(750)
  await timers.until(() => lists().length === 3, 'the third list')
  await pausing()
  await timers.advance(1499)
  assert.equal(lists().length, 3)
})

test('pauses double to 30 s while nothing works, and are short again after an event', async (t) => {
  const { server, timers, watching, watches, pausing, write, told } = await watchedKind(t, { random: () => 0 })
  await watching()
  server.fail({ watch: true, answer: { status: 500 }, times: 7 })
  server.dropWatches()
  for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    await pausing()
    const before = watches().length
    await timers.advance(pauseMs - 1)
    assert.equal(watches().length, before, `${pauseMs}`)
    await timers.advance(1)
    await timers.until(() => watches().length === before + 1, 'the next watch')
  }
  await pausing()
  await timers.advance(30_000)
  await timers.until(() => server.watches === 1, 'the watch is open')
  write('a')
  await told(1)
  server.dropWatches()
  await pausing()
  const before = watches().length
  await timers.advance(1000)
  await timers.until(() => watches().length === before + 1, 'the watch after a short pause')
})

test('a first list that fails is tried again until it is whole', async (t) => {
  const { server, timers, informer, write, pausing, changes } = await watchedKind(t)
  for (let i = 0; i < 501; i++) write(`p${i}`)
  server.fail({ watch: false, answer: { status: 500 } })
  server.fail({ path: 'continue=', answer: { text: '{"metadata":{"resourceVer', reset: true } })
  informer.start()
  for (const pauseMs of [750, 1500]) {
    await pausing()
    assert.deepEqual([informer.synced, informer.list().length, changes.length], [false, 0, 0])
    await timers.advance(pauseMs)
  }
  await informer.whenSynced(new AbortController().signal)
  assert.equal(changes.length, 501)
})

test('when a relist fails the watch goes on, and the relist is tried again a minute later', async (t) => {
  const { server, timers, lists, watches, write, watching, pausing, told } = await watchedKind(t)
  await watching()
  server.fail({ watch: false, answer: { status: 500 } })
  for (let i = 0; i < 10; i++) {
    server.bookmark()
    await timers.advance(60_000)
  }
  await pausing()
  assert.equal(lists().length, 2)
  await timers.advance(750)
  await timers.until(() => watches().length === 2, 'the watch goes on')
  write('a')
  await told(1)
  assert.equal(lists().length, 2)
  await timers.advance(60_000)
  await timers.until(() => lists().length === 3, 'the relist')
})

test('a watch that falls silent is replaced, and the age of the last word is known', async (t) => {
  const { server, timers, informer, watches, write, watching, told, pausing, restarts } = await watchedKind(t)
  assert.equal(informer.lastHeardSeconds(), 0)
  await watching()
  await timers.advance(50_000)
  assert.equal(informer.lastHeardSeconds(), 50)
  write('a')
  await told(1)
  assert.equal(informer.lastHeardSeconds(), 0)
  server.stall(true)
  write('b')
  await timers.advance(90_000)
  await pausing()
  assert.equal(informer.lastHeardSeconds(), 90)
  assert.deepEqual(restarts, ['CertificateProfile unreachable'])
  server.stall(false)
  await timers.advance(750)
  await told(2)
  assert.equal(watches().length, 2)
})

test('a kind that is not installed is waited for, with one line in the log and pauses of up to a minute', async (t) => {
  const { server, timers, informer, lists, changes, write, watching, pausing, log, restarts } = await watchedKind(t, {
    random: () => 0,
  })
  server.uninstall(certificateProfiles)
  informer.start()
  for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 32_000, ...Array<number>(6).fill(60_000)]) {
    await pausing()
    const before = lists().length
    await timers.advance(pauseMs - 1)
    assert.equal(lists().length, before)
    await timers.advance(1)
    await timers.until(() => lists().length === before + 1, 'the next list')
  }
  assert.equal(informer.synced, false)
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['info'],
  )
  assert.deepEqual(new Set(restarts), new Set(['CertificateProfile not-installed']))
  await pausing()
  server.install(certificateProfiles)
  write('a')
  await timers.advance(60_000)
  await watching()
  assert.deepEqual([informer.synced, changes.length], [true, 1])
  server.fail({ answer: { status: 404 } })
  server.dropWatches()
  await pausing()
  await timers.advance(1000)
  await pausing()
  assert.equal(log.lines.filter(({ level }) => level === 'info').length, 2)
  await timers.advance(1000)
  await timers.until(() => server.watches === 1, 'the watch after a short pause')
})

test('a kind that is not found for a while keeps its objects in the cache', async (t) => {
  const { server, timers, informer, write, watching, pausing, changes } = await watchedKind(t)
  write('a')
  await watching()
  server.fail({ answer: { status: 404 }, times: 2 })
  server.dropWatches()
  await pausing()
  await timers.advance(750)
  await pausing()
  assert.deepEqual([informer.synced, informer.list().length, changes.length], [true, 1, 1])
})

test('a trouble that stays the same is told once in five minutes, another one at once', async (t) => {
  const { server, timers, informer, log, pausing } = await watchedKind(t)
  const lines = (): string[] => log.lines.map(({ fields: { err } }) => String(err))
  server.fail({ answer: { status: 403, message: 'no' }, times: 1000 })
  informer.start()
  await pausing()
  for (let passed = 0; passed < 299_000; passed += 23_000) {
    await timers.advance(23_000)
    await pausing()
  }
  assert.deepEqual(lines(), ['KubernetesApiError: no'])
  await timers.advance(30_000)
  await pausing()
  assert.equal(lines().length, 2)
  server.recover()
  server.fail({ answer: { status: 500, message: 'etcd' } })
  await timers.advance(30_000)
  await pausing()
  assert.equal(lines().at(-1), 'KubernetesApiError: etcd')
})

test('stop ends a pause', async (t) => {
  const { server, informer, pausing, timers } = await watchedKind(t)
  server.fail({ answer: { status: 500 } })
  informer.start()
  await pausing()
  await informer.stop()
  assert.deepEqual([timers.pending, server.requests.length], [0, 1])
})
