import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Db } from '../../../store/database.ts'
import { openTestDatabase } from '../../../store/testing/database.ts'
import type { CustomResource } from '../../kubernetes/objects.ts'
import { createWorkQueue } from '../../kubernetes/work-queue.ts'
import type { WorkQueue } from '../../kubernetes/work-queue.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import type { FakeTimers } from '../../testing/fake-timers.ts'
import { recordingLog } from '../../testing/recording-log.ts'
import { declareIssuer, declareProfile } from '../../testing/replica.ts'
import { createDispatch } from './dispatch.ts'
import type { Dispatch } from './dispatch.ts'

interface Dispatched {
  readonly db: Db
  readonly dispatch: Dispatch
  readonly timers: FakeTimers
  /** How often somebody looked through all objects of a kind. */
  readonly listings: () => number
  /** The keys that wait now, in order; they wait no more. */
  readonly issuers: () => Promise<string[]>
  readonly profiles: () => Promise<string[]>
  /** How many profiles wait. */
  readonly waiting: () => number
}

const namespace = 'team'

function issuer(name: string, { parent = '', ready = '', generation = 1, observed = 1 } = {}): CustomResource {
  const condition = { type: 'Ready', status: ready, reason: 'R', message: '', lastTransitionTime: '' }
  return {
    apiVersion: 'certctl.io/v1alpha1',
    kind: 'Issuer',
    metadata: { namespace, name, uid: `uid-of-${name}`, generation },
    spec: parent === '' ? {} : { subordinate: { parentRef: { name: parent } } },
    status: { observedGeneration: observed, conditions: ready === '' ? [] : [condition] },
  }
}

function profile(name: string, issuerName: string): CustomResource {
  return {
    apiVersion: 'certctl.io/v1alpha1',
    kind: 'CertificateProfile',
    metadata: { namespace, name },
    spec: { issuerRef: { name: issuerName } },
  }
}

async function dispatched(t: TestContext): Promise<Dispatched> {
  const database = await openTestDatabase('postgres')
  t.after(() => database.close())
  const timers = fakeTimers()
  const queues = { issuers: createWorkQueue({ timers }), profiles: createWorkQueue({ timers }) }
  let listings = 0
  const list = (): readonly CustomResource[] => {
    listings += 1
    return []
  }
  const objects = { issuers: list, profiles: list, clusterIssuers: list }
  const deps = { db: database.db, log: recordingLog(), queues, objects, ownNamespace: 'certctl' }
  return {
    db: database.db,
    dispatch: createDispatch(deps),
    timers,
    listings: () => listings,
    issuers: () => drained(queues.issuers),
    profiles: () => drained(queues.profiles),
    waiting: () => queues.profiles.depth,
  }
}

async function drained(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = []
  while (queue.depth > 0) {
    const key = await queue.next(new AbortController().signal)
    if (key === undefined) break
    keys.push(key)
    queue.done(key)
  }
  return keys.toSorted()
}

const names = Array.from({ length: 20 }, (_, index) => String(index).padStart(2, '0'))

test('what depends on an Issuer is found without looking through all objects', async (t) => {
  const { dispatch, listings, issuers, profiles } = await dispatched(t)
  for (const name of names) {
    dispatch.onProfile({ namespace, name }, profile(name, name))
    dispatch.onIssuer({ namespace, name: `sub-${name}` }, issuer(`sub-${name}`, { parent: name }))
    dispatch.onIssuer({ namespace, name }, issuer(name))
  }
  assert.equal((await issuers()).length, 2 * names.length)
  assert.equal((await profiles()).length, names.length)
  dispatch.onIssuer({ namespace, name: '07' }, issuer('07', { ready: 'True' }))
  assert.deepEqual(await issuers(), ['team/07', 'team/sub-07'])
  assert.deepEqual(await profiles(), ['team/07'])
  dispatch.onIssuer({ namespace, name: '07' }, issuer('07', { ready: 'True' }))
  assert.deepEqual(await issuers(), ['team/07'], 'nothing that matters to others')
  assert.deepEqual(await profiles(), [])
  dispatch.onIssuer({ namespace, name: '07' }, undefined)
  assert.deepEqual(await issuers(), ['team/07', 'team/sub-07'])
  assert.deepEqual(await profiles(), ['team/07'])
  assert.equal(listings(), 0)
})

test('a profile counts for the Issuer that it names now, and both Issuers count anew', async (t) => {
  const { dispatch, timers, listings, issuers, profiles } = await dispatched(t)
  const counts = (): number[] => ['old', 'new'].map((name) => dispatch.countProfiles(`${namespace}/${name}`))
  dispatch.onProfile({ namespace, name: 'web' }, profile('web', 'old'))
  dispatch.onProfile({ namespace, name: 'other' }, profile('other', 'old'))
  assert.deepEqual(counts(), [2, 0])
  await timers.advance(2_000)
  assert.deepEqual(await issuers(), ['team/old'])

  dispatch.onProfile({ namespace, name: 'web' }, profile('web', 'new'))
  assert.deepEqual(counts(), [1, 1])
  await timers.advance(2_000)
  assert.deepEqual(await issuers(), ['team/new', 'team/old'])
  await profiles()
  dispatch.onIssuer({ namespace, name: 'old' }, issuer('old'))
  assert.deepEqual(await profiles(), ['team/other'])

  dispatch.onProfile({ namespace, name: 'web' }, undefined)
  assert.deepEqual(counts(), [1, 0])
  assert.equal(listings(), 0)
})

test('those that depend on an Issuer look again when it is ready by its present spec, as it was by the one before', async (t) => {
  const { dispatch, profiles } = await dispatched(t)
  const shows = (generation: number, observed: number): void =>
    dispatch.onIssuer({ namespace, name: 'root' }, issuer('root', { ready: 'True', generation, observed }))
  dispatch.onProfile({ namespace, name: 'web' }, profile('web', 'root'))
  shows(1, 1)
  await profiles()
  shows(2, 1)
  assert.deepEqual(await profiles(), ['team/web'])
  shows(2, 2)
  assert.deepEqual(await profiles(), ['team/web'])
  shows(2, 2)
  assert.deepEqual(await profiles(), [])
})

test('a profile that is served under an Issuer is looked at when it changes, whatever Issuer it names now', async (t) => {
  const { db, dispatch, timers, profiles, waiting } = await dispatched(t)
  const { issuerId } = await declareIssuer(db, { name: 'old', uid: 'uid-of-old' })
  await declareProfile(db, 'web', issuerId)
  dispatch.onIssuer({ namespace, name: 'old' }, issuer('old'))
  await timers.until(() => waiting() > 0, 'it is looked at')
  assert.deepEqual(await profiles(), ['certctl/web'])
})
