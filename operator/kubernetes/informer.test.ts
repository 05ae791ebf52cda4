import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { watchedKind } from '../testing/watched-kind.ts'
import { largestAnswerOctets } from './client-transport.ts'
import { certificateProfiles } from './resources.ts'

const minutes = 60_000
const tooLarge = ' '.repeat(largestAnswerOctets + 1)

test('everything is listed in pages before it counts as synced, and each object is told once', async (t) => {
  const { server, timers, informer, changes, lists, write, watching } = await watchedKind(t)
  for (let i = 0; i < 1201; i++) write(`p${i}`)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.fail({ path: /limit=500&continue=/, answer: { after: promise } })
  informer.start()
  await timers.until(() => server.requests.length === 2, 'the second page is asked for')
  assert.deepEqual([informer.synced, informer.list().length, changes.length], [false, 0, 0])
  resolve()
  await informer.whenSynced(new AbortController().signal)
  await watching()
  assert.deepEqual([informer.synced, informer.list().length, new Set(changes).size], [true, 1201, 1201])
  assert.equal(changes.length, 1201)
  assert.equal(lists().length, 3)
  assert.equal(informer.get('team', 'p1200')?.metadata.name, 'p1200')
  assert.equal(informer.get('other', 'p1200'), undefined)
  assert.equal(informer.get(undefined, 'p1200'), undefined)
})

test('a list that expires between two pages is begun again', async (t) => {
  const { server, informer, lists, write, watching } = await watchedKind(t)
  for (let i = 0; i < 501; i++) write(`p${i}`)
  server.fail({ path: 'continue=', answer: { status: 410 } })
  await watching()
  assert.deepEqual(
    lists().map((query) => query.has('continue')),
    [false, true, false, true],
  )
  assert.equal(informer.list().length, 501)
})

test('a list that always expires is asked for as a whole', async (t) => {
  const { server, informer, lists, write, watching } = await watchedKind(t)
  for (let i = 0; i < 501; i++) write(`p${i}`)
  server.fail({ path: 'continue=', answer: { status: 410 }, times: 2 })
  await watching()
  assert.deepEqual(
    lists().map((query) => query.get('limit')),
    ['500', '500', '500', '500', null],
  )
  assert.equal(informer.list().length, 501)
})

test('objects that are too large for a page of the usual size come in small pages', async (t) => {
  const { server, informer, lists, write, watching } = await watchedKind(t)
  for (let i = 0; i < 26; i++) write(`p${i}`)
  server.fail({ path: 'limit=500', answer: { text: tooLarge } })
  await watching()
  assert.deepEqual(
    lists().map((query) => query.get('limit')),
    ['500', '25', '25'],
  )
  assert.equal(informer.list().length, 26)
})

test('what is too large even in small pages is asked for again after a pause', async (t) => {
  const { server, timers, informer, lists, write, watching, pausing, restarts } = await watchedKind(t)
  write('a')
  server.fail({ path: 'limit=', times: 2, answer: { text: tooLarge } })
  informer.start()
  await timers.until(() => restarts.length === 1, 'the list fails')
  await pausing()
  assert.deepEqual([lists().length, informer.synced], [2, false])
  await timers.advance(750)
  await watching()
  assert.deepEqual([lists().length, informer.synced], [3, true])
})

test('changes are told as they happen, with the cache ahead of the telling', async (t) => {
  const { informer, changes, write, remove, watching, told, ...rest } = await watchedKind(t)
  await watching()
  write('a', 1)
  write('a', 2)
  write('b', 1)
  remove('a')
  await told(4)
  assert.deepEqual(changes, ['a 1', 'a 2', 'b 1', 'a gone'])
  assert.deepEqual(
    informer.list().map(({ metadata: { name } }) => name),
    ['b'],
  )
  const [query] = rest.watches()
  assert.equal(query?.get('allowWatchBookmarks'), 'true')
  assert.equal(query?.get('timeoutSeconds'), '450')
})

test('an informer of one namespace and label sees nothing else', async (t) => {
  const { server, changes, watching, told, timers } = await watchedKind(t, {
    namespace: 'team',
    labelSelector: 'app=web',
  })
  const write = (name: string, namespace: string, app: string): void =>
    void server.write(certificateProfiles, {
      apiVersion: 'certctl.io/v1alpha1',
      kind: 'CertificateProfile',
      metadata: { name, namespace, labels: { app } },
      spec: app,
    })
  write('a', 'team', 'web')
  write('b', 'team', 'db')
  write('c', 'other', 'web')
  await watching()
  write('d', 'other', 'web')
  write('e', 'team', 'db')
  write('f', 'team', 'web')
  write('a', 'team', 'db')
  await told(3)
  await timers.advance(0)
  assert.deepEqual(changes, ['a "web"', 'f "web"', 'a gone'])
})

test('managed fields are not kept, nor what trim takes away, wherever an object comes from', async (t) => {
  const { informer, write, watching, told, server } = await watchedKind(t, {
    trim: (object) => ({ ...object, spec: 'trimmed' }),
  })
  const stored = write('listed', { long: 'text' })
  assert.ok(stored.metadata.managedFields)
  await watching()
  write('watched', { long: 'text' })
  await told(2)
  for (const { metadata, spec } of informer.list()) {
    assert.equal('managedFields' in metadata, false)
    assert.equal(spec, 'trimmed')
  }
  assert.equal(server.watches, 1)
})

test('a change that is told twice is one change', async (t) => {
  const { server, changes, write, watching, told } = await watchedKind(t)
  const object = write('a', 1)
  await watching()
  for (const type of ['ADDED', 'MODIFIED']) server.sendRaw(`${JSON.stringify({ type, object })}\n`)
  write('b', 1)
  await told(2)
  assert.deepEqual(changes, ['a 1', 'b 1'])
})

test('a new watch goes on from the last bookmark', async (t) => {
  const { server, timers, watches, watching, write, remove } = await watchedKind(t)
  const { metadata } = write('a')
  await watching()
  assert.equal(watches()[0]?.get('resourceVersion'), metadata.resourceVersion)
  server.write(certificateProfiles, {
    apiVersion: 'certctl.io/v1alpha1',
    kind: 'CertificateProfile',
    metadata: { name: 'other', namespace: 'elsewhere' },
    spec: {},
  })
  remove('a')
  await timers.advance(60_000)
  server.endWatches()
  await timers.until(() => watches().length === 2, 'the second watch')
  assert.equal(watches()[1]?.get('resourceVersion'), String(Number(metadata.resourceVersion) + 2))
})

test('a watch that ends in order is begun again without a pause, one that ends at once only after it', async (t) => {
  const { server, timers, watches, watching, pausing, restarts } = await watchedKind(t)
  await watching()
  server.bookmark()
  await timers.advance(80_000)
  server.endWatches()
  await timers.until(() => server.watches === 1 && watches().length === 2, 'the second watch')
  assert.deepEqual(restarts, ['CertificateProfile ended'])
  server.endWatches()
  await pausing()
  assert.equal(watches().length, 2)
  await timers.advance(750)
  await timers.until(() => watches().length === 3, 'the third watch')
})

test('after ten minutes everything is listed again, and what the watch missed is told', async (t) => {
  const { server, timers, changes, lists, watches, write, remove, watching, restarts, log } = await watchedKind(t)
  for (const name of ['same', 'changed', 'removed', 'renewed']) write(name, 1)
  await watching()
  assert.equal(changes.length, 4)
  server.stall(true)
  write('changed', 2)
  write('added', 1)
  for (const name of ['removed', 'renewed']) remove(name)
  write('renewed', 1)
  // The connection lives, but tells nothing.
  for (let passed = 0; passed < 10 * minutes - 1; passed += 60_000) {
    server.sendRaw('\n')
    await timers.until(() => lists().length === 1, 'no list yet')
    await timers.advance(59_999)
  }
  await timers.advance(10)
  await timers.until(() => watches().length === 2, 'the second watch')
  assert.equal(lists().length, 2)
  assert.deepEqual(changes.slice(4).toSorted(), ['added 1', 'changed 2', 'removed gone', 'renewed 1'])
  assert.deepEqual(restarts, ['CertificateProfile relist'])
  assert.deepEqual(log.lines, [])
})

test('the time between two lists differs from process to process', async (t) => {
  const { timers, lists, watching, server } = await watchedKind(t, { random: () => 0 })
  await watching()
  for (let passed = 0; passed < 9 * minutes; passed += 60_000) {
    assert.equal(lists().length, 1)
    const before = server.watches
    server.bookmark()
    assert.equal(before, 1)
    await timers.advance(60_000)
  }
  await timers.until(() => lists().length === 2, 'the relist')
})

test('a listener that throws is told to the log, and the others and the watch go on', async (t) => {
  const seen: string[] = []
  const { log, write, watching, timers } = await watchedKind(t, {
    onChange: ({ name }) => {
      seen.push(name)
      if (name.startsWith('bad')) throw new Error('a defect')
    },
  })
  write('bad1')
  write('good1')
  await watching()
  write('bad2')
  write('good2')
  await timers.until(() => seen.length === 4, 'four changes')
  assert.deepEqual(seen, ['bad1', 'good1', 'bad2', 'good2'])
  assert.deepEqual(
    log.lines.map(({ level, fields: { kind, object } }) => [level, kind, object]),
    [
      ['error', 'CertificateProfile', 'team/bad1'],
      ['error', 'CertificateProfile', 'team/bad2'],
    ],
  )
})

test('a second start begins nothing, and nothing is started after a stop', async (t) => {
  const { server, informer, watching, watches, timers } = await watchedKind(t)
  informer.start()
  await watching()
  informer.start()
  await timers.advance(1000)
  assert.deepEqual([watches().length, server.watches], [1, 1])
  await informer.stop()
  await timers.until(() => server.watches === 0, 'the watch is closed')
  informer.start()
  await timers.advance(1000)
  assert.equal(server.requests.length, 2)
})

test('after stop nothing is told any more, not even what a list has just found', async (t) => {
  const seen: string[] = []
  const kind = await watchedKind(t, {
    onChange: ({ name }) => {
      seen.push(name)
      void kind.informer.stop()
    },
  })
  kind.write('a')
  kind.write('b')
  kind.informer.start()
  await kind.timers.until(() => seen.length > 0, 'the first change')
  await kind.informer.stop()
  assert.deepEqual(seen, ['a'])
  assert.equal(kind.server.requests.length, 1)
})

test('stop waits for the list that is under way to end', async (t) => {
  const { server, informer, timers } = await watchedKind(t)
  server.fail({ answer: 'hang' })
  informer.start()
  await timers.until(() => server.requests.length === 1, 'the list is asked for')
  await informer.stop()
  assert.deepEqual([informer.synced, timers.pending, server.requests.length], [false, 0, 1])
})

test('who waits for the sync learns of it, of their own abort or of the stop, and leaves no listener', async (t) => {
  const { server, informer, watching } = await watchedKind(t)
  const reason = new Error('enough')
  await assert.rejects(informer.whenSynced(AbortSignal.abort(reason)), reason)
  const abort = new AbortController()
  const aborted = assert.rejects(informer.whenSynced(abort.signal), reason)
  abort.abort(reason)
  await aborted
  const { signal } = new AbortController()
  const waiting = informer.whenSynced(signal)
  await watching()
  await waiting
  await informer.whenSynced(signal)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  server.fail({ answer: 'hang' })
})

test('a stop before the sync is told to who waits for it', async (t) => {
  const { informer } = await watchedKind(t)
  const { signal } = new AbortController()
  const refused = assert.rejects(informer.whenSynced(signal), /informer of CertificateProfile was stopped/)
  await informer.stop()
  await refused
  await assert.rejects(informer.whenSynced(signal), /was stopped/)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
