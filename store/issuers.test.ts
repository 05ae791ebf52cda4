import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listAudit } from './audit.ts'
import type { Trx } from './database.ts'
import {
  findIssuer,
  findIssuerByUid,
  insertIssuerCertificate,
  listCertificatesOf,
  listIssuers,
  retireIssuer,
  setSigningCertificate,
  upsertIssuer,
} from './issuers.ts'
import { findProfile, upsertProfile } from './profiles.ts'
import { aGeneration, anIssuer, aProfile } from './testing/builders.ts'
import { openTestDatabase } from './testing/database.ts'

for (const kind of ['postgres', 'pglite'] as const) {
  test(`on ${kind} an issuer's row says what its object says, and what is left out is unset again`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const { db } = database
    const declare = (changes: object) =>
      db.transaction().execute((trx) => upsertIssuer(trx, { ...anIssuer('ca'), ...changes }))
    const ceilings = { dns: ['**.example.com'], maxValiditySeconds: 3600 }
    const id = (await declare({ keySecret: 'ca-key', suspended: true, ceilings })) ?? ''

    const object = { namespace: 'certctl', name: 'ca' }
    const { version, ...stored } = (await findIssuer<typeof ceilings>(db, object)) ?? assert.fail('it is not there')
    assert.deepEqual(stored, {
      id,
      ...object,
      uid: 'ca',
      type: 'SelfSigned',
      specHash: 'a',
      generation: 1,
      keySecret: 'ca-key',
      suspended: true,
      ceilings,
      signingCertificateId: null,
      retiredAt: null,
    })
    assert.deepEqual(await listIssuers(db), [{ version, ...stored }])
    assert.equal(await findIssuer(db, { namespace: 'elsewhere', name: 'ca' }), undefined)

    await declare({})
    const plain = await findIssuer(db, object)
    assert.deepEqual([plain?.keySecret, plain?.suspended, plain?.ceilings], [null, false, null])

    await retireIssuer(db, { uid: 'ca', actor: 'controller' })
    assert.equal(await findIssuer(db, object), undefined)
    assert.ok((await findIssuerByUid(db, 'ca'))?.retiredAt instanceof Date)
    assert.equal(await findIssuerByUid(db, 'nobody'), undefined)
  })

  test(`on ${kind} an issuer signs with one of its own certificates, or with none`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const { db } = database
    const inTransaction = <T>(work: (trx: Trx) => Promise<T>) => db.transaction().execute(work)
    const withCertificate = async (name: string, octet: number): Promise<{ issuerId: string; id: string }> => {
      const issuerId = (await inTransaction((trx) => upsertIssuer(trx, anIssuer(name)))) ?? ''
      return { issuerId, ...(await inTransaction((trx) => insertIssuerCertificate(trx, aGeneration(issuerId, octet)))) }
    }
    const own = await withCertificate('own', 1)
    const foreign = await withCertificate('foreign', 2)
    const sign = (certificateId: string | null) =>
      inTransaction((trx) => setSigningCertificate(trx, own.issuerId, certificateId))
    const signing = async () => (await findIssuerByUid(db, 'own'))?.signingCertificateId

    assert.equal(await sign(null), false, 'as it is')
    assert.equal(await sign(foreign.id), false)
    assert.equal(await signing(), null)
    assert.equal(await sign(own.id), true)
    assert.equal(await signing(), own.id)
    assert.equal(await sign(own.id), false)
    assert.equal(await sign(foreign.id), false)
    assert.equal(await signing(), own.id)
    assert.equal(await sign(null), true)
    assert.equal(await signing(), null)

    const events = (await listAudit(db, { limit: 10 })).filter(({ action }) => action === 'issuer.sign-with')
    assert.deepEqual(
      events.map(({ details }) => details),
      [{ generation: null }, { generation: 1 }],
    )

    await inTransaction((trx) => insertIssuerCertificate(trx, aGeneration(own.issuerId, 3)))
    await retireIssuer(db, { uid: 'own', actor: 'controller' })
    const certificates = await listCertificatesOf(db, own.issuerId)
    assert.deepEqual(
      certificates.map(({ generation }) => generation),
      [2, 1],
    )
  })
}

test('a profile is found by its object with its revision and the hash of its policy', async (t) => {
  const database = await openTestDatabase('postgres')
  t.after(() => database.close())
  const { db } = database
  const issuerId = (await db.transaction().execute((trx) => upsertIssuer(trx, anIssuer('ca')))) ?? ''
  const stored = await db.transaction().execute((trx) => upsertProfile(trx, aProfile(issuerId, 'shop')))
  const found = await findProfile(db, { namespace: 'certctl', name: 'shop' })
  assert.deepEqual([found?.revisionId, found?.revision, found?.policyHash], [stored?.revisionId, 1, 'a'])
  assert.equal(await findProfile(db, { namespace: 'elsewhere', name: 'shop' }), undefined)
  assert.equal(await findProfile(db, { namespace: 'certctl', name: 'shop2' }), undefined)
})
