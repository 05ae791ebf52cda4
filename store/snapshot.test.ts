import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { Db, Trx } from './database.ts'
import {
  findIssuerByUid,
  insertIssuerCertificate,
  retireIssuer,
  retireIssuerCertificate,
  setSigningCertificate,
  upsertIssuer,
} from './issuers.ts'
import { findProfile, retireProfile, upsertProfile } from './profiles.ts'
import { readSnapshotVersion } from './snapshot.ts'
import { aGeneration, anIssuer, aProfile } from './testing/builders.ts'
import { cloneDatabase, openTestDatabase } from './testing/database.ts'
import { gate, untilBlocked } from './testing/locks.ts'

for (const kind of ['postgres', 'pglite'] as const) {
  test(`on ${kind} every change of an issuer takes one number, and what changes nothing takes none`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const { db } = database
    const inTransaction = <T>(work: (trx: Trx) => Promise<T>) => db.transaction().execute(work)
    const declare = (changes: object = {}) =>
      inTransaction((trx) => upsertIssuer(trx, { ...anIssuer('ca'), ...changes }))

    let last = await readSnapshotVersion(db)
    const takes = async (count: number, what: string, change: () => Promise<unknown>): Promise<void> => {
      await change()
      const now = await readSnapshotVersion(db)
      assert.equal(now - last, count, what)
      assert.equal((await findIssuerByUid(db, 'ca'))?.version, now, `${what}: the row has it`)
      last = now
    }
    await takes(1, 'a new issuer', () => declare())
    await takes(0, 'the same again', () => declare())
    await takes(1, 'a generation', () => declare({ generation: 2 }))
    await takes(0, 'an older generation', () => declare({ generation: 1, suspended: true }))
    await takes(1, 'a Secret', () => declare({ generation: 2, keySecret: 'ca-key' }))
    await takes(1, 'ceilings', () =>
      declare({ generation: 2, ceilings: { maxValiditySeconds: 60, dns: ['a.example'] } }),
    )
    await takes(0, 'the same ceilings in another order', () =>
      declare({ generation: 2, keySecret: undefined, ceilings: { dns: ['a.example'], maxValiditySeconds: 60 } }),
    )
    await takes(1, 'suspension', () => declare({ generation: 2, suspended: true }))

    const issuerId = (await findIssuerByUid(db, 'ca'))?.id ?? ''
    let certificateId = ''
    await takes(1, 'a certificate', async () => {
      certificateId = (await inTransaction((trx) => insertIssuerCertificate(trx, aGeneration(issuerId, 1)))).id
    })
    await takes(0, 'the same certificate', () =>
      inTransaction((trx) => insertIssuerCertificate(trx, aGeneration(issuerId, 1))),
    )
    await takes(1, 'that it signs', () => inTransaction((trx) => setSigningCertificate(trx, issuerId, certificateId)))
    await takes(0, 'that it still signs', () =>
      inTransaction((trx) => setSigningCertificate(trx, issuerId, certificateId)),
    )
    await takes(1, 'its retirement', () => retireIssuerCertificate(db, certificateId))
    await takes(0, 'its retirement again', () => retireIssuerCertificate(db, certificateId))
    await takes(1, 'the end', () => retireIssuer(db, { uid: 'ca', actor: 'controller' }))
    await takes(0, 'the end again', () => retireIssuer(db, { uid: 'ca', actor: 'controller' }))
    await takes(1, 'its return', () => declare({ generation: 2 }))
  })

  test(`on ${kind} a profile's change takes one number, however many rows it touches`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const { db } = database
    const issuerId = (await db.transaction().execute((trx) => upsertIssuer(trx, anIssuer('ca')))) ?? ''
    const declare = (changes: object = {}) =>
      db.transaction().execute((trx) => upsertProfile(trx, { ...aProfile(issuerId, 'shop'), ...changes }))
    const shop = () => findProfile(db, { namespace: 'certctl', name: 'shop' })

    const before = await readSnapshotVersion(db)
    await declare()
    assert.equal((await shop())?.version, before + 1)
    await declare()
    assert.equal(await readSnapshotVersion(db), before + 1, 'nothing has changed')
    await declare({ policyHash: 'b' })
    assert.deepEqual([(await shop())?.version, (await shop())?.revision], [before + 2, 2])

    const failing = db.transaction().execute(async (trx) => {
      await upsertProfile(trx, { ...aProfile(issuerId, 'shop'), policyHash: 'c' })
      throw new Error('undone')
    })
    await assert.rejects(failing, /undone/)
    assert.equal(await readSnapshotVersion(db), before + 2, 'what is rolled back takes no number')

    // Another object under the name: the old one ends and the new one begins, in one transaction.
    await declare({ uid: 'shop-2' })
    assert.equal((await shop())?.version, before + 4)
    await retireProfile(db, { uid: 'shop-2', actor: 'controller' })
    assert.equal(await shop(), undefined)
    assert.equal(await readSnapshotVersion(db), before + 5)
  })
}

test('numbers are committed in the order in which they were taken', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  const before = await readSnapshotVersion(db)
  const [numbered, commit] = [gate(), gate()]
  const first = db.transaction().execute(async (trx) => {
    await upsertIssuer(trx, anIssuer('first'))
    await sql`set constraints all immediate`.execute(trx)
    numbered.open()
    await commit.opened
  })
  await numbered.opened
  const second = db.transaction().execute((trx) => upsertIssuer(trx, anIssuer('second')))
  await untilBlocked(db)
  assert.equal(await readSnapshotVersion(db), before, 'neither is to be seen')
  commit.open()
  await Promise.all([first, second])
  assert.equal((await findIssuerByUid(db, 'first'))?.version, before + 1)
  assert.equal((await findIssuerByUid(db, 'second'))?.version, before + 2)
})

test('a writer that takes its time keeps no other waiting', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  await db.transaction().execute(async (slow) => {
    await upsertIssuer(slow, anIssuer('slow'))
    await db.transaction().execute((quick) => upsertIssuer(quick, anIssuer('quick')))
  })
  const [quick, slow] = [await findIssuerByUid(db, 'quick'), await findIssuerByUid(db, 'slow')]
  assert.ok(quick && slow && quick.version < slow.version)
})

test('whoever has read a number sees every change up to it, with many writers at once', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  const before = await readSnapshotVersion(db)
  const writers = 8
  const each = 15
  let writing = writers
  const write = async (writer: number): Promise<void> => {
    for (let count = 0; count < each; count += 1) {
      await db.transaction().execute((trx) => upsertIssuer(trx, anIssuer(`issuer-${writer}-${count}`)))
    }
    writing -= 1
  }
  const read = async (): Promise<number> => {
    let reads = 0
    while (writing > 0) {
      reads += 1
      const version = await readSnapshotVersion(db)
      assert.deepEqual(await numbersUpTo(db, version), countUp(before + 1, version))
    }
    return reads
  }
  const [reads] = await Promise.all([read(), ...Array.from({ length: writers }, (_, index) => write(index))])
  assert.ok(reads > 1)
  assert.equal(await readSnapshotVersion(db), before + writers * each)
})

async function numbersUpTo(db: Db, version: number): Promise<number[]> {
  const rows = await db.selectFrom('issuers').select('version').where('version', '<=', version).execute()
  return rows.map((row) => row.version).toSorted((a, b) => a - b)
}

function countUp(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
