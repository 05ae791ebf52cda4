import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { listAudit } from './audit.ts'
import { findAuthorizationView } from './authorizations.ts'
import {
  beginChallenge,
  claimChallenges,
  completeChallenge,
  findChallengeView,
  releaseChallenge,
  releaseChallenges,
  rescheduleChallenge,
} from './challenges.ts'
import type { Db } from './database.ts'
import { createOrder, type NewOrder } from './orders.ts'
import type { ChallengeId } from './schema.ts'
import { anOrder, aWorld, challengeTypes, type World } from './testing/builders.ts'
import { setClockOffset } from './testing/clock.ts'
import { cloneDatabase, type TestDatabase } from './testing/database.ts'
import { checkInvariants } from './testing/invariants.ts'

let database: TestDatabase
let db: Db
let world: World
beforeEach(async () => {
  database = await cloneDatabase({ poolSize: 20 })
  db = database.db
  world = await aWorld(db)
})
afterEach(async () => {
  await checkInvariants(db)
  await database.close()
})

const error = { type: 'urn:ietf:params:acme:error:connection', detail: 'refused' }

async function aPendingOrder(names?: string[]): Promise<NewOrder> {
  const order = anOrder(world, names)
  await createOrder(db, order)
  return order
}

function challengeOf(order: NewOrder): ChallengeId {
  return order.authorizations[0]!.challenges[0]!.id
}

function claim(owner: string, limit = 100) {
  return claimChallenges(db, { owner, leaseSeconds: 30, limit, types: challengeTypes })
}

async function claimedIds(owner: string, limit?: number): Promise<ChallengeId[]> {
  return (await claim(owner, limit)).map(({ challenge }) => challenge.id)
}

test('of two that begin a challenge at once one does, in one round trip', async () => {
  const id = challengeOf(await aPendingOrder())
  const queries = database.queryCount()
  const begun = await Promise.all(['a', 'b'].map((owner) => beginChallenge(db, { id, owner, leaseSeconds: 30 })))
  assert.equal(begun.filter(Boolean).length, 1)
  assert.equal(database.queryCount() - queries, 2)
})

test('a valid challenge makes its authorization valid and is audited, in one round trip', async () => {
  const order = await aPendingOrder()
  const id = challengeOf(order)
  await beginChallenge(db, { id, owner: 'a', leaseSeconds: 30 })
  const authorizationExpiresAt = new Date('2100-01-01T00:00:00Z')
  const queries = database.queryCount()
  const outcome = { status: 'valid', authorizationExpiresAt } as const
  assert.equal(await completeChallenge(db, { id, owner: 'a', outcome }), true)
  assert.equal(database.queryCount() - queries, 1)

  const view = await findAuthorizationView(db, { id: order.authorizations[0]!.id, accountId: world.accountId })
  assert.equal(view?.status, 'valid')
  assert.deepEqual(view.expiresAt, authorizationExpiresAt)
  const challenge = view.challenges.find((one) => one.id === id)
  assert.deepEqual([challenge?.status, challenge?.validatedAt], ['valid', view.validatedAt])
  const [event] = await listAudit(db, { limit: 1 })
  assert.deepEqual(
    [event?.action, event?.resource_id, event?.actor],
    ['challenge.valid', id, `acme:${world.accountId}`],
  )
  assert.equal(await completeChallenge(db, { id, owner: 'a', outcome }), false, 'once')
})

test('an invalid challenge makes its authorization invalid and keeps the error', async () => {
  const order = await aPendingOrder()
  const id = challengeOf(order)
  await beginChallenge(db, { id, owner: 'a', leaseSeconds: 30 })
  await completeChallenge(db, { id, owner: 'a', outcome: { status: 'invalid', error } })
  const view = await findChallengeView(db, { id, accountId: world.accountId })
  assert.deepEqual([view?.status, view?.error, view?.authorization.status], ['invalid', error, 'invalid'])
})

test('a lease that ran out is taken over, and its first owner changes nothing any more', async () => {
  const id = challengeOf(await aPendingOrder())
  await beginChallenge(db, { id, owner: 'a', leaseSeconds: 30 })
  assert.deepEqual(await claimedIds('b'), [])
  await setClockOffset(db, 31)
  assert.deepEqual(await claimedIds('b'), [id])
  assert.equal(await completeChallenge(db, { id, owner: 'a', outcome: { status: 'invalid', error } }), false)
  assert.equal(await rescheduleChallenge(db, { id, owner: 'a', delaySeconds: 1 }), false)
  assert.equal(await completeChallenge(db, { id, owner: 'b', outcome: { status: 'valid' } }), true)
  const view = await findChallengeView(db, { id, accountId: world.accountId })
  assert.deepEqual([view?.status, view?.attempts, view?.error], ['valid', 2, undefined])
})

test('a lease that ran out is still held while nobody took it', async () => {
  const id = challengeOf(await aPendingOrder())
  await beginChallenge(db, { id, owner: 'a', leaseSeconds: 30 })
  await setClockOffset(db, 31)
  assert.equal(await completeChallenge(db, { id, owner: 'a', outcome: { status: 'valid' } }), true)
})

test('a rescheduled challenge is due when its delay has passed, for anybody', async () => {
  const id = challengeOf(await aPendingOrder())
  await beginChallenge(db, { id, owner: 'a', leaseSeconds: 30 })
  assert.equal(await rescheduleChallenge(db, { id, owner: 'a', delaySeconds: 10, error }), true)
  assert.deepEqual((await findChallengeView(db, { id, accountId: world.accountId }))?.error, error)
  assert.deepEqual(await claimedIds('b'), [])
  await setClockOffset(db, 11)
  const [claimed] = await claim('b')
  assert.equal(claimed?.challenge.id, id)
  assert.equal(claimed.challenge.authorization.identifier.value, 'www.example.com')
  assert.ok(claimed.accountThumbprint.length > 0)
  assert.equal(await releaseChallenges(db, 'b'), 1)
  assert.deepEqual(await claimedIds('c'), [id], 'what is released is due at once')
})

test('a challenge given back untried is due at once, its tries and its error as before', async () => {
  const id = challengeOf(await aPendingOrder())
  await beginChallenge(db, { id, owner: 'a', leaseSeconds: 30 })
  await rescheduleChallenge(db, { id, owner: 'a', delaySeconds: 0, error })
  assert.deepEqual(await claimedIds('a'), [id])
  assert.equal(await releaseChallenge(db, { id, owner: 'b' }), false, 'only by its owner')
  assert.equal(await releaseChallenge(db, { id, owner: 'a' }), true)
  const view = await findChallengeView(db, { id, accountId: world.accountId })
  assert.deepEqual([view?.status, view?.attempts, view?.error], ['processing', 1, error])
  assert.deepEqual(await claimedIds('b'), [id])
})

test('two workers that claim at once never get the same challenge', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `n${index}.example.com`)
  const order = await aPendingOrder(names)
  const ids = order.authorizations.map(({ challenges }) => challenges[0]!.id)
  for (const id of ids) await beginChallenge(db, { id, owner: 'gone', leaseSeconds: 1 })
  await setClockOffset(db, 2)
  const claims = await Promise.all(Array.from({ length: 20 }, (_, index) => claimedIds(index % 2 ? 'a' : 'b', 10)))
  const claimed = claims.flat()
  assert.equal(new Set(claimed).size, claimed.length)
  claimed.push(...(await claimedIds('a')))
  assert.deepEqual(claimed.toSorted(), ids.toSorted())
})
