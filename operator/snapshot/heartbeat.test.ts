import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'
import { openRelayedDatabase } from '../../acme/testing/relay.ts'
import type { Db } from '../../store/database.ts'
import { listLiveReplicas } from '../../store/replicas.ts'
import { readSnapshotVersion } from '../../store/snapshot.ts'
import { cloneDatabase } from '../../store/testing/database.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import type { FakeTimers } from '../testing/fake-timers.ts'
import { declareIssuer, declareProfile, signerOf, testCa, testReplica, testSecrets } from '../testing/replica.ts'
import type { TestReplica, TestSecrets } from '../testing/replica.ts'
import { createHeartbeat } from './heartbeat.ts'
import type { Heartbeat } from './heartbeat.ts'

/** A replica that beats, in time that the test lets pass. */
interface BeatingReplica extends TestReplica {
  readonly heartbeat: Heartbeat
  readonly timers: FakeTimers
  /** Until no beat is under way any more. */
  rest(): Promise<void>
  /** Lets time pass beat by beat. */
  pass(seconds: number): Promise<void>
}

function beatingReplica(t: TestContext, db: Db, secrets: TestSecrets): BeatingReplica {
  const timers = fakeTimers()
  const replica = testReplica(db, secrets)
  const { id, snapshot, log } = replica
  const heartbeat = createHeartbeat({ db, id, snapshot, timers, log })
  t.after(() => heartbeat.stop())
  // Between two beats it waits for the one timer of its pause.
  const rest = (): Promise<void> => timers.until(() => timers.pending === 1, 'a beat that ends')
  const pass = async (seconds: number): Promise<void> => {
    for (let left = seconds * 10; left > 0; left -= 1) {
      await timers.advance(100)
      await rest()
    }
  }
  return Object.assign(replica, { heartbeat, timers, rest, pass })
}

async function started(t: TestContext, db: Db, secrets = testSecrets()): Promise<BeatingReplica> {
  const replica = beatingReplica(t, db, secrets)
  replica.heartbeat.start()
  await replica.rest()
  return replica
}

async function aDatabase(t: TestContext): Promise<Db> {
  const database = await cloneDatabase()
  t.after(() => database.close())
  return database.db
}

/** What the leader sees of the replicas. */
async function seen(db: Db): Promise<{ id: string; version: number; missingIssuers: string[] }[]> {
  const replicas = await listLiveReplicas(db, 60)
  return replicas.map(({ id, version, missingIssuers }) => ({ id, version, missingIssuers }))
}

const lastBeatOf = async (db: Db, id: string): Promise<Date> =>
  (await db.selectFrom('replicas').select('beat_at').where('id', '=', id).executeTakeFirstOrThrow()).beat_at

suite('a heartbeat', () => {
  test('a replica serves once it has loaded everything and told so', async (t) => {
    const db = await aDatabase(t)
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    await declareProfile(db, 'web', issuerId)
    const replica = beatingReplica(t, db, testSecrets())
    const gate = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    replica.beforeReading = () => (reading.resolve(), gate.promise)
    replica.heartbeat.start()
    await reading.promise
    assert.match(replica.heartbeat.reasonNotServing() ?? '', /not loaded its profiles yet/)
    assert.deepEqual(await seen(db), [], 'the leader would wait for a replica that serves nobody')
    gate.resolve()
    await replica.rest()
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
    assert.equal(replica.profiles.list().length, 1)
    assert.deepEqual(await seen(db), [{ id: replica.id, version: await readSnapshotVersion(db), missingIssuers: [] }])
  })

  test('a new profile is served and told after one beat', async (t) => {
    const db = await aDatabase(t)
    const replica = await started(t, db)
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    await declareProfile(db, 'web', issuerId)
    const [before] = await seen(db)
    await replica.pass(2.9)
    assert.deepEqual(await seen(db), [before])
    assert.deepEqual(replica.profiles.list(), [])
    await replica.pass(0.1)
    assert.equal(replica.profiles.list()[0]?.id, 'web')
    assert.equal((await seen(db))[0]?.version, await readSnapshotVersion(db))
  })

  test('a change that is notified is served at once, and many in a row are read together', async (t) => {
    const db = await aDatabase(t)
    const replica = await started(t, db)
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    let readings = 0
    replica.beforeReading = async () => void (readings += 1)
    await declareProfile(db, 'web', issuerId)
    for (let change = 0; change < 10; change++) replica.heartbeat.wake()
    await replica.pass(0.2)
    assert.equal(replica.profiles.list()[0]?.id, 'web')
    assert.equal((await seen(db))[0]?.version, await readSnapshotVersion(db))
    const beaten = await lastBeatOf(db, replica.id)
    await replica.pass(2)
    assert.equal(readings, 1)
    assert.deepEqual(await lastBeatOf(db, replica.id), beaten, 'it does not fall asleep again')
  })

  test('however often it is woken, it rests between two beats', async (t) => {
    const db = await aDatabase(t)
    const replica = await started(t, db)
    const beats = new Set<number>()
    for (let passed = 0; passed < 400; passed += 20) {
      replica.heartbeat.wake()
      await replica.timers.advance(20)
      await replica.rest()
      beats.add((await lastBeatOf(db, replica.id)).getTime())
    }
    assert.equal(beats.size, 3)
  })

  test('a key that is missing is told to the leader, and its coming within a beat', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    const replica = await started(t, db, secrets)
    const { issuerId } = await declareIssuer(db, { name: 'root' }, own.ca)
    await replica.pass(3)
    assert.deepEqual((await seen(db))[0]?.missingIssuers, [issuerId])
    assert.equal(replica.heartbeat.reasonNotServing(), undefined, 'the other issuers go on')

    secrets.put('root-ca', own)
    await replica.pass(3)
    await replica.timers.until(() => replica.snapshot.missingIssuers.length === 0, 'the key')
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
    await replica.pass(0.2)
    assert.deepEqual((await seen(db))[0]?.missingIssuers, [])
  })

  test('an API server that never answers does not keep a replica from beating', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    const never = Promise.withResolvers<void>()
    t.after(() => never.resolve())
    secrets.before = () => never.promise
    await declareIssuer(db, { name: 'root' }, own.ca)
    const replica = await started(t, db, secrets)
    const before = await lastBeatOf(db, replica.id)
    await replica.pass(30)
    assert.ok((await lastBeatOf(db, replica.id)) > before)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
    assert.equal(secrets.reads, 1)
  })

  test('two replicas each tell of themselves, and one that ends takes its row away', async (t) => {
    const db = await aDatabase(t)
    const [one, other] = [await started(t, db), await started(t, db)]
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    await declareProfile(db, 'web', issuerId)
    await one.pass(3)
    const version = await readSnapshotVersion(db)
    const versions = new Map((await seen(db)).map((row) => [row.id, row.version]))
    assert.equal(versions.get(one.id), version)
    assert.ok((versions.get(other.id) ?? version) < version)
    await other.pass(3)
    assert.equal(other.profiles.list().length, 1)

    await one.heartbeat.stop()
    assert.deepEqual(await seen(db), [{ id: other.id, version, missingIssuers: [] }])
    await one.timers.advance(60_000)
    assert.equal((await seen(db)).length, 1, 'a replica beats after its end')
  })

  test('a short absence of the database keeps nobody from serving', async (t) => {
    const database = await openRelayedDatabase()
    t.after(() => database.close())
    const replica = await started(t, database.db)
    database.cut()
    await replica.pass(7.9)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
    database.restore()
    await replica.pass(1)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
    assert.equal(replica.log.lines.filter(({ message }) => message.includes('could not beat')).length, 1)
    assert.equal(replica.log.lines.at(-1)?.message, 'this replica beats again')
  })

  test('a replica that was away for longer serves nothing before it has caught up', async (t) => {
    const database = await openRelayedDatabase()
    t.after(() => database.close())
    const { db } = database
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    const replica = await started(t, db)
    const direct = await started(t, db)
    database.cut()
    await replica.pass(8.1)
    assert.match(replica.heartbeat.reasonNotServing() ?? '', /not reached the database/)

    database.restore()
    await declareProfile(db, 'web', issuerId)
    const gate = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    replica.beforeReading = () => (reading.resolve(), gate.promise)
    await replica.timers.advance(1_000)
    await reading.promise
    // A beat has reached the database, and what it learned is not loaded.
    assert.match(replica.heartbeat.reasonNotServing() ?? '', /catching up/)
    gate.resolve()
    await replica.rest()
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
    assert.equal(replica.profiles.list()[0]?.id, 'web')
    await direct.rest()
  })

  test('a lapse counts also where nobody asked meanwhile, and with nothing to catch up it ends at once', async (t) => {
    const database = await openRelayedDatabase()
    t.after(() => database.close())
    const { db } = database
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    const replica = await started(t, db)
    // As a process that is stopped: no timer runs, and then all that are due.
    const gate = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    replica.beforeReading = () => (reading.resolve(), gate.promise)
    await declareProfile(db, 'web', issuerId)
    await replica.timers.advance(60_000)
    await reading.promise
    assert.notEqual(replica.heartbeat.reasonNotServing(), undefined)
    gate.resolve()
    await replica.rest()
    await replica.pass(3)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)

    database.cut()
    await replica.pass(20)
    database.restore()
    await replica.pass(1)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
  })

  test('a beat counts from when it began, however late its answer came', async (t) => {
    const db = await aDatabase(t)
    const replica = await started(t, db)
    await db.transaction().execute(async (trx) => {
      // A beat waits for whoever is about to change something.
      await trx.selectFrom('snapshot_version').select('version').forUpdate().execute()
      await replica.timers.advance(3_000)
      await replica.timers.advance(8_100)
    })
    await replica.rest()
    assert.match(replica.heartbeat.reasonNotServing() ?? '', /not reached the database/)
    await replica.pass(3)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
  })

  test('a replica that can not read a change goes on with what it has, and says so by its version', async (t) => {
    const db = await aDatabase(t)
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    await declareProfile(db, 'web', issuerId)
    const replica = await started(t, db)
    const { loadedVersion } = replica.snapshot
    replica.beforeReading = () => Promise.reject(new TypeError('a mistake of ours'))
    await declareProfile(db, 'mail', issuerId)
    await replica.pass(20)
    assert.equal(replica.heartbeat.reasonNotServing(), undefined)
    assert.equal((await seen(db))[0]?.version, loadedVersion)
    assert.equal((await replica.profiles.find('web'))?.id, 'web')
    assert.equal(replica.log.lines.length, 1)
    replica.beforeReading = () => Promise.resolve()
    await replica.pass(1)
    assert.equal((await seen(db))[0]?.version, await readSnapshotVersion(db))
  })

  test('stopping waits for the beat that is under way, and ends without the database too', async (t) => {
    const database = await openRelayedDatabase()
    t.after(() => database.close())
    const { db } = database
    const replica = beatingReplica(t, db, testSecrets())
    const gate = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    replica.beforeReading = () => (reading.resolve(), gate.promise)
    replica.heartbeat.start()
    await reading.promise
    const stopped = replica.heartbeat.stop()
    gate.resolve()
    await stopped
    for (let look = 0; look < 50; look++) assert.deepEqual(await seen(db), [], 'a beat came after the end')

    const other = await started(t, db)
    database.cut()
    await other.heartbeat.stop()
    assert.match(other.log.lines.at(-1)?.message ?? '', /row of this replica stays/)
    database.restore()
  })
})
