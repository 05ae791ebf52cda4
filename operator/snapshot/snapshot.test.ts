import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'
import { openRelayedDatabase } from '../../acme/testing/relay.ts'
import { retireIssuer, setSigningCertificate } from '../../store/issuers.ts'
import type { Db } from '../../store/database.ts'
import { isUnavailable } from '../../store/errors.ts'
import { readSnapshotVersion } from '../../store/snapshot.ts'
import { cloneDatabase } from '../../store/testing/database.ts'
import { declareIssuer, declareProfile, signerOf, testCa, testReplica, testSecrets } from '../testing/replica.ts'

async function aDatabase(t: TestContext): Promise<Db> {
  const database = await cloneDatabase()
  t.after(() => database.close())
  return database.db
}

function signWith(db: Db, issuerId: string, issuerCertificateId: string | null): Promise<boolean> {
  return db.transaction().execute((trx) => setSigningCertificate(trx, issuerId, issuerCertificateId))
}

suite('a snapshot', () => {
  test('holds profiles, issuers and keys as of its version', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId, issuerCertificateId } = await declareIssuer(db, { name: 'root' }, own.ca)
    await declareProfile(db, 'web', issuerId)
    const replica = testReplica(db, secrets)
    const { snapshot, profiles, registry } = replica
    assert.equal(snapshot.loadedVersion, 0)

    await snapshot.refresh()
    assert.equal(snapshot.loadedVersion, await readSnapshotVersion(db))
    assert.deepEqual(snapshot.missingIssuers, [])
    assert.deepEqual(
      profiles.list().map(({ id }) => id),
      ['web'],
    )
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
    assert.equal(registry.signing(issuerId)?.issuerCertificateId, issuerCertificateId)
    assert.equal(registry.published('root')?.current, issuerCertificateId)
  })

  test('an issuer without a key is missing until its Secret is there, and its cause is told once', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    const { issuerId } = await declareIssuer(db, { name: 'root' }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    assert.equal(await replica.snapshot.loadMissingKeys(), false)
    assert.deepEqual(replica.snapshot.missingIssuers, [issuerId])
    assert.equal(await signerOf(replica, issuerId), undefined)

    secrets.put('root-ca', own)
    assert.equal(await replica.snapshot.loadMissingKeys(), true)
    assert.deepEqual(replica.snapshot.missingIssuers, [])
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
    assert.deepEqual(
      replica.log.lines.map(({ level, fields }) => `${level} ${String(fields['object'])}: ${String(fields['reason'])}`),
      ['warn Issuer certctl/root: there is no Secret certctl/root-ca', 'info Issuer certctl/root: undefined'],
    )
  })

  test('whatever is wrong with a Secret, only its issuer is missing, and the cause is told', async (t) => {
    const db = await aDatabase(t)
    const [secrets, good, other] = [testSecrets(), await testCa(), await testCa('Another CA')]
    secrets.put('good-ca', good)
    const { issuerId: goodId } = await declareIssuer(db, { name: 'good' }, good.ca)
    const wrong: Readonly<Record<string, ReadonlyMap<string, string>>> = {
      'certctl/empty-ca has no tls.key': new Map(),
      'tls.key of Secret certctl/garbage-ca: there is no private key': new Map([['tls.key', 'nothing']]),
      'tls.key of Secret certctl/broken-ca: the private key can not be read': new Map([
        ['tls.key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
      ]),
      'the key in Secret certctl/swapped-ca does not belong to the CA certificate': new Map([
        ['tls.crt', other.ca.certificate.pem],
        ['tls.key', other.keyPem],
      ]),
    }
    const ids: string[] = []
    for (const [cause, values] of Object.entries(wrong)) {
      const name = /certctl\/(\w+)-ca/.exec(cause)?.[1] ?? assert.fail()
      secrets.stored.set(`certctl/${name}-ca`, values)
      ids.push((await declareIssuer(db, { name }, (await testCa()).ca)).issuerId)
    }
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()

    assert.deepEqual([...replica.snapshot.missingIssuers].toSorted(), ids.toSorted())
    for (const id of ids) assert.equal(await signerOf(replica, id), undefined)
    assert.equal(await signerOf(replica, goodId), good.ca.certificate.sha256Fingerprint)
    const told = replica.log.lines.map(({ fields }) => String(fields['reason']))
    for (const cause of Object.keys(wrong))
      assert.ok(
        told.some((reason) => reason.includes(cause)),
        `${cause}: ${told.join('; ')}`,
      )
  })

  test('an API server that is away leaves the issuer missing, and a key that is here goes on signing', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own, next] = [testSecrets(), await testCa(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId } = await declareIssuer(db, { name: 'root' }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()

    secrets.before = () => Promise.reject(new Error('connect ECONNREFUSED'))
    const { issuerId: laterId } = await declareIssuer(db, { name: 'later' }, next.ca)
    await replica.snapshot.refresh()
    assert.equal(replica.snapshot.loadedVersion, await readSnapshotVersion(db))
    assert.deepEqual(replica.snapshot.missingIssuers, [laterId])
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
  })

  test('a Secret that is swapped later changes nothing until the database names another certificate', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own, next] = [testSecrets(), await testCa(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId, issuerCertificateId } = await declareIssuer(db, { name: 'root' }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    secrets.put('root-ca', next)
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)

    await declareIssuer(db, { name: 'root' }, next.ca)
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), next.ca.certificate.sha256Fingerprint)
    assert.ok(replica.registry.generation(issuerCertificateId), 'what the former generation issued has lost its chain')

    await signWith(db, issuerId, issuerCertificateId)
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)

    await signWith(db, issuerId, null)
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), undefined)
    assert.deepEqual(replica.snapshot.missingIssuers, [], 'there is no key to miss')
  })

  test('a suspended issuer signs nothing, is shown, and has its key when it goes on', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId, issuerCertificateId } = await declareIssuer(db, { name: 'root', suspended: true }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), undefined)
    assert.equal(replica.registry.find(issuerId)?.current, issuerCertificateId)
    assert.deepEqual(replica.snapshot.missingIssuers, [])

    await declareIssuer(db, { name: 'root' })
    const before = secrets.reads
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
    assert.equal(secrets.reads, before)
  })

  test('an issuer has its namespace and its ceilings', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    secrets.put('root-ca', own)
    const ceilings = { maxValiditySeconds: 3600 }
    const { issuerId } = await declareIssuer(db, { name: 'root', ceilings }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    const signing = replica.registry.signing(issuerId)
    assert.deepEqual([signing?.namespace, signing?.ceilings], ['certctl', ceilings])
    await declareIssuer(db, { name: 'root' })
    await replica.snapshot.refresh()
    assert.equal(replica.registry.signing(issuerId)?.ceilings, undefined)
  })

  test('a retired issuer is gone, and what it issued keeps its chain, in a new process too', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId, issuerCertificateId } = await declareIssuer(db, { name: 'root' }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    await retireIssuer(db, { uid: 'uid-of-root', actor: 'test' })
    await replica.snapshot.refresh()

    const fresh = testReplica(db, secrets)
    await fresh.snapshot.refresh()
    for (const { registry, snapshot } of [replica, fresh]) {
      assert.equal(registry.signing(issuerId), undefined)
      assert.equal(registry.published('root'), undefined)
      assert.deepEqual(snapshot.missingIssuers, [])
      assert.equal(registry.generation(issuerCertificateId)?.rootPem, own.ca.rootPem)
    }
    const signature = await replica.registry.generation(issuerCertificateId)?.signer.sign(Buffer.from('in flight'))
    assert.ok(signature, 'an issuance that was begun can not be finished')
  })

  test('a process that missed a whole life of an issuer knows its chain', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    const { issuerCertificateId } = await declareIssuer(db, { name: 'root' }, own.ca)
    await retireIssuer(db, { uid: 'uid-of-root', actor: 'test' })
    await replica.snapshot.refresh()
    assert.equal(replica.registry.generation(issuerCertificateId)?.rootPem, own.ca.rootPem)
  })

  test('an issuer that retires while its Secret is read stays gone', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own] = [testSecrets(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId } = await declareIssuer(db, { name: 'root' }, own.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refreshRows()
    const read = Promise.withResolvers<void>()
    secrets.before = () => read.promise
    const loading = replica.snapshot.loadMissingKeys()
    await retireIssuer(db, { uid: 'uid-of-root', actor: 'test' })
    await replica.snapshot.refreshRows()
    read.resolve()
    await loading
    assert.equal(replica.registry.find(issuerId), undefined)
    assert.deepEqual(replica.snapshot.missingIssuers, [])
  })

  test('a Secret that is being read is not asked for twice, and keeps no other waiting', async (t) => {
    const db = await aDatabase(t)
    const [secrets, slow, fast] = [testSecrets(), await testCa(), await testCa()]
    const { issuerId: slowId } = await declareIssuer(db, { name: 'slow' }, slow.ca)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refreshRows()
    const read = Promise.withResolvers<void>()
    secrets.before = () => read.promise
    const first = replica.snapshot.loadMissingKeys()
    const again = replica.snapshot.loadMissingKeys()
    assert.equal(secrets.reads, 1)

    secrets.before = () => Promise.resolve()
    secrets.put('fast-ca', fast)
    secrets.put('slow-ca', slow)
    const { issuerId: fastId } = await declareIssuer(db, { name: 'fast' }, fast.ca)
    await replica.snapshot.refreshRows()
    const third = replica.snapshot.loadMissingKeys()
    while ((await signerOf(replica, fastId)) === undefined) await new Promise(setImmediate)
    assert.deepEqual(replica.snapshot.missingIssuers, [slowId])
    read.resolve()
    assert.deepEqual(await Promise.all([first, again, third]), [true, true, true])
    assert.equal(secrets.reads, 2)
  })

  test('rows are never read twice at once, and a call sees what was there when it was made', async (t) => {
    const db = await aDatabase(t)
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    const replica = testReplica(db, testSecrets())
    const { snapshot } = replica
    const [gate, entered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let [reading, most] = [0, 0]
    replica.beforeReading = async () => {
      reading += 1
      most = Math.max(most, reading)
      entered.resolve()
      await gate.promise
      reading -= 1
    }
    const first = snapshot.refreshRows()
    await entered.promise
    await declareProfile(db, 'web', issuerId)
    const others = Promise.all([snapshot.refreshRows(), snapshot.refresh()])
    gate.resolve()
    await Promise.all([first, others])
    assert.equal(most, 1)
    assert.equal(snapshot.loadedVersion, await readSnapshotVersion(db))
  })

  test('what changes while it is read belongs to a later version', async (t) => {
    const db = await aDatabase(t)
    const { issuerId } = await declareIssuer(db, { name: 'root' })
    const replica = testReplica(db, testSecrets())
    replica.afterReading = () => declareProfile(db, 'web', issuerId)
    await replica.snapshot.refresh()
    assert.deepEqual(replica.profiles.list(), [])
    assert.ok(replica.snapshot.loadedVersion < (await readSnapshotVersion(db)), 'the profile would never be read')
  })

  test('a database that is away leaves all as it was', async (t) => {
    const database = await openRelayedDatabase()
    t.after(() => database.close())
    const { db } = database
    const [secrets, own] = [testSecrets(), await testCa()]
    secrets.put('root-ca', own)
    const { issuerId } = await declareIssuer(db, { name: 'root' }, own.ca)
    await declareProfile(db, 'web', issuerId)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    const { loadedVersion } = replica.snapshot

    database.cut()
    await assert.rejects(replica.snapshot.refresh(), isUnavailable)
    assert.equal(replica.snapshot.loadedVersion, loadedVersion)
    assert.equal((await replica.profiles.find('web'))?.issuerId, issuerId)
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
    database.restore()
    await declareProfile(db, 'mail', issuerId)
    await replica.snapshot.refresh()
    assert.equal(replica.profiles.list().length, 2)
  })

  test('a certificate that can not be read keeps no other issuer from signing', async (t) => {
    const db = await aDatabase(t)
    const [secrets, own, broken] = [testSecrets(), await testCa(), await testCa()]
    secrets.put('root-ca', own)
    secrets.put('broken-ca', broken)
    const { issuerId } = await declareIssuer(db, { name: 'root' }, own.ca)
    const unreadable = { ...broken.ca, certificate: { ...broken.ca.certificate, der: Buffer.from('no certificate') } }
    const { issuerId: brokenId } = await declareIssuer(db, { name: 'broken' }, unreadable)
    const replica = testReplica(db, secrets)
    await replica.snapshot.refresh()
    await replica.snapshot.refresh()
    assert.equal(await signerOf(replica, issuerId), own.ca.certificate.sha256Fingerprint)
    assert.deepEqual(replica.snapshot.missingIssuers, [brokenId])
    const told = replica.log.lines.filter(({ fields }) => fields['reason'] === 'its certificate is unreadable')
    assert.equal(told.length, 1)
  })
})
