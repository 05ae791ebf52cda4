import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Trx } from './database.ts'
import { isUniqueViolation } from './errors.ts'
import {
  findIssuerCertificate,
  insertIssuerCertificate,
  listIssuerCertificates,
  listIssuers,
  retireIssuer,
  retireIssuerCertificate,
  upsertIssuer,
} from './issuers.ts'
import { findProfileRevision, findServedProfile, listServedProfiles, retireProfile, upsertProfile } from './profiles.ts'
import { aGeneration, aProfile, aWorld } from './testing/builders.ts'
import { cloneDatabase } from './testing/database.ts'

const database = await cloneDatabase()
const { db } = database
after(() => database.close())

const world = await aWorld(db)
const inTransaction = <T>(work: (trx: Trx) => Promise<T>) => db.transaction().execute(work)
const declare = (changes: Partial<ReturnType<typeof aProfile>>) =>
  inTransaction((trx) => upsertProfile(trx, { ...aProfile(world.issuerId, 'shop'), ...changes }))
const issuer = {
  namespace: 'certctl',
  name: 'root',
  uid: 'root-1',
  type: 'SelfSigned',
  specHash: 'a',
  generation: 1,
  actor: 'controller',
}

test('another policy is another revision, and an earlier one is that revision again', async () => {
  const first = await declare({ uid: 'shop-1' })
  const second = await declare({
    uid: 'shop-1',
    generation: 2,
    policy: { authMode: 'TrustAuthenticated' },
    policyHash: 'b',
  })
  assert.deepEqual([first?.revision, second?.revision], [1, 2])
  assert.equal(first?.uuid, second?.uuid)
  assert.deepEqual(await declare({ uid: 'shop-1', generation: 3 }), first)

  const served = await findServedProfile<{ authMode: string }>(db, 'shop')
  assert.equal(served?.revisionId, first?.revisionId)
  assert.equal(served?.policy.authMode, 'Challenge')
  const pinned = await findProfileRevision<{ authMode: string }>(db, second?.revisionId ?? '')
  assert.deepEqual(pinned, {
    profileId: 'shop',
    profileUuid: first?.uuid,
    namespace: 'certctl',
    issuerId: world.issuerId,
    policy: { authMode: 'TrustAuthenticated' },
  })
})

test('an older generation changes nothing', async () => {
  const current = await findServedProfile(db, 'shop')
  assert.equal(await declare({ uid: 'shop-1', generation: 2, policyHash: 'old' }), undefined)
  assert.deepEqual(await findServedProfile(db, 'shop'), current)
})

test('an object made anew under a name retires the one that had it', async () => {
  const before = await findServedProfile(db, 'shop')
  const successor = await declare({ uid: 'shop-2' })
  assert.notEqual(successor?.uuid, before?.uuid)
  assert.equal((await findServedProfile(db, 'shop'))?.uuid, successor?.uuid)
  assert.equal((await listServedProfiles(db)).filter(({ id }) => id === 'shop').length, 1)
})

test('the id of a served profile cannot be taken by another object', async () => {
  await assert.rejects(declare({ uid: 'squatter', namespace: 'elsewhere' }), (error) =>
    isUniqueViolation(error, 'profiles_profile_id_key'),
  )
})

test('a retired profile is not served, and its revisions stay', async () => {
  const served = await findServedProfile(db, 'shop')
  assert.equal(await retireProfile(db, { uid: 'shop-2', actor: 'controller' }), true)
  assert.equal(await retireProfile(db, { uid: 'shop-2', actor: 'controller' }), false)
  assert.equal(await findServedProfile(db, 'shop'), undefined)
  assert.equal((await findProfileRevision(db, served?.revisionId ?? ''))?.profileId, 'shop')
  assert.equal((await declare({ uid: 'shop-2' }))?.uuid, served?.uuid, 'until its object is seen again')
})

test('replicas that bring certificates of an issuer at once count generations without gaps', async () => {
  const issuerId = await inTransaction((trx) => upsertIssuer(trx, issuer))
  const insert = (octet: number) =>
    inTransaction((trx) => insertIssuerCertificate(trx, aGeneration(issuerId ?? '', octet)))
  const inserted = await Promise.all([1, 2, 3, 1, 2, 3].map(insert))
  assert.deepEqual(new Set(inserted.map(({ generation }) => generation)), new Set([1, 2, 3]))
  assert.equal(new Set(inserted.map(({ id }) => id)).size, 3)

  const own = (await listIssuerCertificates(db)).filter((certificate) => certificate.issuerId === issuerId)
  assert.deepEqual(
    own.map(({ generation }) => generation),
    [3, 2, 1],
  )
  assert.equal(await retireIssuerCertificate(db, own[2]?.id ?? ''), true)
  assert.ok((await findIssuerCertificate(db, own[2]?.id ?? ''))?.retiredAt instanceof Date)
})

test('an issuer is upserted by generation, and retired with its certificates kept', async () => {
  assert.equal(await inTransaction((trx) => upsertIssuer(trx, { ...issuer, generation: 0 })), undefined)
  await inTransaction((trx) => upsertIssuer(trx, { ...issuer, generation: 2, specHash: 'b' }))
  const [stored] = (await listIssuers(db)).filter(({ name }) => name === 'root')
  assert.deepEqual([stored?.generation, stored?.specHash], [2, 'b'])
  const [certificate] = await listIssuerCertificates(db)
  assert.equal(await retireIssuer(db, { uid: 'root-1', actor: 'controller' }), true)
  assert.deepEqual(
    (await listIssuers(db)).filter(({ name }) => name === 'root'),
    [],
  )
  assert.ok(await findIssuerCertificate(db, certificate?.id ?? ''))
})
