import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { isConflict, KubernetesApiError } from '../kubernetes/api-error.ts'
import { createKubernetesClient } from '../kubernetes/client.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { certificateProfiles, configMaps, events, leases, secrets } from '../kubernetes/resources.ts'
import { systemTimers } from '../kubernetes/timers.ts'
import { startApiServer } from './api-server.ts'
import type { TestApiServer } from './api-server.ts'

async function serverAndClient(
  t: TestContext,
): Promise<{ server: TestApiServer; as: (manager: string) => KubernetesClient }> {
  const server = await startApiServer(t)
  const as = (fieldManager: string): KubernetesClient => {
    const client = createKubernetesClient({ credentials: server.credentials(), timers: systemTimers, fieldManager })
    t.after(() => client.close())
    return client
  }
  return { server, as }
}

const profile = (spec: unknown, rest: object = {}) => ({
  apiVersion: 'certctl.io/v1alpha1',
  kind: 'CertificateProfile',
  metadata: { name: 'web', namespace: 'team' },
  spec,
  ...rest,
})

const configMap = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'ca', namespace: 'team' },
  data,
})

test('apply keeps what others own, takes away what its manager no longer says, and writes nothing when nothing changes', async (t) => {
  const { as } = await serverAndClient(t)
  await as('one').apply(configMaps, configMap({ a: '1', b: '2' }))
  await as('two').apply(configMaps, configMap({ c: '3' }))
  const after = await as('one').apply(configMaps, configMap({ a: '1' }))
  assert.deepEqual(after?.data, { a: '1', c: '3' })
  const again = await as('one').apply(configMaps, configMap({ a: '1' }))
  assert.equal(again?.metadata.resourceVersion, after?.metadata.resourceVersion)
})

test('apply without force is refused where another owns the field, and with it takes the field over', async (t) => {
  const { as } = await serverAndClient(t)
  await as('one').apply(configMaps, configMap({ a: '1' }))
  await assert.rejects(as('two').apply(configMaps, configMap({ a: '2' }), { force: false }), isConflict)
  await as('two').apply(configMaps, configMap({ a: '2' }))
  const after = await as('one').apply(configMaps, configMap({ b: '1' }))
  assert.deepEqual(after?.data, { a: '2', b: '1' })
})

test('a field that was applied by two stays until both have left it out', async (t) => {
  const { as } = await serverAndClient(t)
  await as('one').apply(configMaps, configMap({ a: '1' }))
  await as('two').apply(configMaps, configMap({ a: '1' }))
  assert.deepEqual((await as('one').apply(configMaps, configMap({ b: '1' })))?.data, { a: '1', b: '1' })
  assert.deepEqual((await as('two').apply(configMaps, configMap({ c: '1' })))?.data, { b: '1', c: '1' })
})

test('the status has its own URL, moves no generation, and conditions merge by type', async (t) => {
  const { as } = await serverAndClient(t)
  const client = as('certctl')
  const created = await client.create(certificateProfiles, profile({ a: 1 }, { status: { ignored: true } }))
  assert.equal(created.status, undefined)
  const ready = { type: 'Ready', status: 'True' }
  const synced = { type: 'Synced', status: 'True' }
  const status = { subresource: 'status' as const }
  await as('other').apply(certificateProfiles, profile({ a: 2 }, { status: { conditions: [synced] } }), status)
  const applied = await client.apply(
    certificateProfiles,
    profile({ a: 3 }, { status: { conditions: [ready] } }),
    status,
  )
  assert.deepEqual(applied?.spec, { a: 1 })
  assert.deepEqual(applied?.status, { conditions: [synced, ready] })
  assert.equal(applied?.metadata.generation, 1)
  const changed = await client.apply(certificateProfiles, profile({ a: 4 }))
  assert.equal(changed?.metadata.generation, 2)
  assert.deepEqual(changed?.status, applied?.status)
})

test('an object with a finalizer goes when the last finalizer does', async (t) => {
  const { server, as } = await serverAndClient(t)
  const client = as('certctl')
  const ref = { namespace: 'team', name: 'web' }
  const metadata = { ...ref, finalizers: ['certctl.io/revoke'] }
  await client.create(certificateProfiles, profile({}, { metadata }))
  assert.equal(await client.delete(certificateProfiles, ref), true)
  const deleting = await client.get(certificateProfiles, ref)
  assert.ok(deleting?.metadata.deletionTimestamp)
  const { finalizers: _, ...left } = deleting.metadata
  await client.update(certificateProfiles, { ...deleting, metadata: left })
  assert.equal(server.read(certificateProfiles, ref), undefined)
})

test('a watch with a selector sees objects come and go with their labels', async (t) => {
  const { server, as } = await serverAndClient(t)
  const write = (labels: Record<string, string>) =>
    server.write(configMaps, { ...configMap({}), metadata: { name: 'ca', namespace: 'team', labels } })
  write({ team: 'a' })
  write({ team: 'b' })
  write({ team: 'b', more: 'x' })
  write({ team: 'a' })
  server.remove(configMaps, { namespace: 'team', name: 'ca' })
  const seen: string[] = []
  const { signal } = new AbortController()
  const asked = { labelSelector: 'team in (b, c),!none', resourceVersion: '1000', timeoutSeconds: 300, signal }
  const watching = (async () => {
    for await (const event of as('certctl').watch(configMaps, asked)) seen.push(event.type)
  })()
  while (server.watches === 0) await new Promise(setImmediate)
  server.endWatches()
  await watching
  assert.deepEqual(seen, ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])
})

const micro = '2026-01-01T00:00:00.000000Z'
const event = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: 'web.1', namespace: 'team' },
  eventTime: micro,
  reportingController: 'certctl.io/operator',
  reportingInstance: 'certctl-0',
  action: 'Reconcile',
  reason: 'Ready',
  regarding: { kind: 'CertificateProfile', namespace: 'team', name: 'web' },
  note: 'it is',
  type: 'Normal' as const,
}
const refusedEvents: readonly [string, object][] = [
  ['time with milliseconds', { eventTime: '2026-01-01T00:00:00.000Z' }],
  ['series of one', { series: { count: 1, lastObservedTime: micro } }],
  ['note that is too long', { note: 'x'.repeat(1025) }],
  ['cluster-scoped object outside of default', { regarding: { kind: 'Namespace', name: 'team' } }],
  ['missing action', { action: '' }],
]
for (const [what, changes] of refusedEvents) {
  test(`an event with a ${what} is refused`, async (t) => {
    const { as } = await serverAndClient(t)
    await as('certctl').create(events, event)
    const refused = as('certctl').create(events, {
      ...event,
      metadata: { name: 'web.2', namespace: 'team' },
      ...changes,
    })
    await assert.rejects(refused, (error) => error instanceof KubernetesApiError && [400, 422].includes(error.status))
  })
}

test('an event’s note is what it is; only its series may change', async (t) => {
  const { as } = await serverAndClient(t)
  const client = as('certctl')
  const stored = await client.create(events, event)
  const counted = await client.update(events, { ...stored, series: { count: 2, lastObservedTime: micro } })
  assert.equal(counted.series?.count, 2)
  await assert.rejects(client.update(events, { ...counted, note: 'another' }), { status: 422 })
})

test('a lease’s times have microseconds and a duration that is one', async (t) => {
  const { as } = await serverAndClient(t)
  const lease = (spec: object) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'certctl', namespace: 'team' },
    spec,
  })
  const client = as('certctl')
  await assert.rejects(client.create(leases, lease({ renewTime: '2026-01-01T00:00:00Z' })), { status: 400 })
  await assert.rejects(client.create(leases, lease({ leaseDurationSeconds: 0 })), { status: 422 })
  await client.create(leases, lease({ holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: micro }))
})

test('a kind that was taken away is not found, and its watches end', async (t) => {
  const { server, as } = await serverAndClient(t)
  const client = as('certctl')
  server.write(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', namespace: 'team' } })
  const { signal } = new AbortController()
  const types: string[] = []
  const watching = (async () => {
    const asked = { resourceVersion: '1001', timeoutSeconds: 300, signal }
    for await (const event of client.watch(secrets, asked)) types.push(event.type)
  })()
  while (server.watches === 0) await new Promise(setImmediate)
  server.uninstall(secrets)
  await watching
  assert.deepEqual(types, ['DELETED', 'BOOKMARK'])
  await assert.rejects(client.list(secrets, {}), { status: 404, reason: '' })
  assert.equal(await client.serves(secrets), false)
  server.install(secrets, { status: false })
  assert.deepEqual((await client.list(secrets, {})).items, [])
})
