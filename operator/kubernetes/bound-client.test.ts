import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startApiServer } from '../testing/api-server.ts'
import type { TestApiServer } from '../testing/api-server.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import type { FakeTimers } from '../testing/fake-timers.ts'
import { bindClient } from './bound-client.ts'
import { createKubernetesClient } from './client.ts'
import type { KubernetesClient } from './client.ts'
import { certificateProfiles, secrets } from './resources.ts'

interface Bound {
  readonly server: TestApiServer
  readonly client: KubernetesClient
  readonly timers: FakeTimers
  /** Ends whatever the client does. */
  readonly end: () => void
}

const ended = { message: 'leading has ended' }
const ownEnd = { message: 'the caller has enough' }

async function boundClient(t: TestContext): Promise<Bound> {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const unbound = createKubernetesClient({ credentials: server.credentials(), timers })
  t.after(() => unbound.close())
  const ending = new AbortController()
  const client = bindClient(unbound, ending.signal)
  return { server, client, timers, end: () => ending.abort(new Error(ended.message)) }
}

const ref = { namespace: 'team', name: 'ca' }
const metadata = { ...ref, uid: 'u', resourceVersion: '1' }
const secret = { apiVersion: 'v1', kind: 'Secret', metadata }
const profile = { apiVersion: 'certctl.io/v1alpha1', kind: 'CertificateProfile', metadata: ref, spec: {} }

/** Every verb; those that take a signal of their own get it. */
const verbs: Record<string, (client: KubernetesClient, signal?: AbortSignal) => Promise<unknown>> = {
  get: (client, signal) => client.get(secrets, ref, signal),
  list: (client, signal) => client.list(secrets, { ...(signal && { signal }) }),
  create: (client, signal) => client.create(secrets, secret, signal),
  update: (client, signal) => client.update(secrets, secret, signal),
  apply: (client, signal) => client.apply(certificateProfiles, profile, { ...(signal && { signal }) }),
  delete: (client, signal) => client.delete(secrets, ref, signal),
  serves: (client, signal) => client.serves(secrets, signal),
  watch: (client, signal = new AbortController().signal) =>
    Array.fromAsync(client.watch(secrets, { resourceVersion: '1', timeoutSeconds: 300, signal })),
}

for (const [verb, call] of Object.entries(verbs)) {
  test(`${verb} of a bound client ends with the signal that it is bound to, and with its own`, async (t) => {
    const { server, client, timers, end } = await boundClient(t)
    server.fail({ times: 2, answer: 'hang' })
    const own = new AbortController()
    const withOwn = assert.rejects(call(client, own.signal), ownEnd)
    const without = assert.rejects(call(client), ended)
    await timers.until(() => server.requests.length === 2, 'both wait for an answer')
    own.abort(new Error(ownEnd.message))
    end()
    // Far beyond every deadline: what the signals did not end has failed otherwise by now.
    await timers.advance(600_000)
    await Promise.all([withOwn, without])
    assert.equal(timers.pending, 0, 'nothing waits for a deadline')
  })

  test(`${verb} of a bound client is not begun any more after the end`, async (t) => {
    const { server, client, end } = await boundClient(t)
    end()
    await assert.rejects(call(client), ended)
    await assert.rejects(call(client, new AbortController().signal), ended)
    assert.deepEqual(server.requests, [])
  })
}

test('a bound client passes on what is asked and what is answered', async (t) => {
  const { server, client, timers } = await boundClient(t)
  const made = await client.create(secrets, { ...secret, metadata: ref })
  assert.deepEqual(await client.get(secrets, ref), made)
  const labels = { app: 'web' }
  const changed = await client.update(secrets, { ...made, metadata: { ...made.metadata, labels } })
  const listed = await client.list(secrets, { namespace: 'team', labelSelector: 'app=web', limit: 1 })
  assert.deepEqual(listed.items, [changed])
  assert.deepEqual((await client.list(secrets, { labelSelector: 'app=other' })).items, [])
  assert.ok(await client.apply(certificateProfiles, profile))
  assert.equal(
    await client.apply(
      certificateProfiles,
      { ...profile, metadata: { ...ref, name: 'none' } },
      { subresource: 'status' },
    ),
    undefined,
  )
  assert.equal(await client.serves(secrets), true)
  const { signal } = new AbortController()
  const watched = Array.fromAsync(
    client.watch(secrets, { resourceVersion: listed.resourceVersion, timeoutSeconds: 300, signal }),
  )
  await timers.until(() => server.watches === 1, 'the watch is open')
  assert.equal(await client.delete(secrets, { ...ref, uid: made.metadata.uid }), true)
  server.endWatches()
  assert.deepEqual(
    (await watched).map(({ type }) => type),
    ['DELETED', 'BOOKMARK'],
  )
})
