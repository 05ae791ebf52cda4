import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { createKubernetesClient } from '../kubernetes/client.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { createInformer } from '../kubernetes/informer.ts'
import type { Informer, InformerOptions } from '../kubernetes/informer.ts'
import type { CustomResource, Stored } from '../kubernetes/objects.ts'
import { certificateProfiles } from '../kubernetes/resources.ts'
import { startApiServer } from './api-server.ts'
import type { TestApiServer } from './api-server.ts'
import { fakeTimers } from './fake-timers.ts'
import type { FakeTimers } from './fake-timers.ts'
import { recordingLog } from './recording-log.ts'
import type { LogLine } from './recording-log.ts'

/** An informer of CertificateProfiles over an API server, in a time that only the test moves. */
export interface WatchedKind {
  readonly server: TestApiServer
  readonly timers: FakeTimers
  readonly informer: Informer<CustomResource>
  /** `name spec`, or `name gone`, in the order they were told. */
  readonly changes: readonly string[]
  /** Why watches were begun again. */
  readonly restarts: readonly string[]
  readonly log: { readonly lines: readonly LogLine[] }
  /** Stores a profile with this spec. */
  readonly write: (name: string, spec?: unknown) => Stored<CustomResource>
  readonly remove: (name: string) => void
  /** Starts it and waits for the watch. */
  readonly watching: () => Promise<void>
  /** Waits until so many changes were told. */
  readonly told: (count: number) => Promise<void>
  /** Waits for a failure's pause. */
  readonly pausing: () => Promise<void>
  /** The requests for lists and for watches so far. */
  readonly lists: () => readonly URLSearchParams[]
  readonly watches: () => readonly URLSearchParams[]
}

/** The relist comes after exactly ten minutes and a first pause takes 750 ms, unless `random` says otherwise. */
export async function watchedKind(
  t: TestContext,
  options: Partial<InformerOptions<CustomResource>> = {},
): Promise<WatchedKind> {
  const server = await startApiServer(t)
  const timers = fakeTimers()
  const client = createKubernetesClient({ credentials: server.credentials(), timers })
  const log = recordingLog()
  const calls = { underWay: 0 }
  const changes: string[] = []
  const restarts: string[] = []
  const informer = createInformer<CustomResource>({
    client: oneAtATime(client, calls),
    resource: certificateProfiles,
    timers,
    log,
    random: () => 0.5,
    metrics: { watchRestart: (kind, cause) => void restarts.push(`${kind} ${cause}`) },
    onChange: ({ name }, object) =>
      void changes.push(`${name} ${object === undefined ? 'gone' : JSON.stringify(object.spec)}`),
    ...options,
  })
  t.after(async () => {
    await informer.stop()
    client.close()
    assert.equal(timers.pending, 0, 'timers left behind')
  })

  const requests = (isWatch: boolean): URLSearchParams[] =>
    server.requests
      .map(({ url }) => new URL(url, server.url).searchParams)
      .filter((query) => query.has('watch') === isWatch)

  return {
    server,
    timers,
    informer,
    changes,
    restarts,
    log,
    write: (name, spec = {}) =>
      server.write(certificateProfiles, {
        apiVersion: 'certctl.io/v1alpha1',
        kind: 'CertificateProfile',
        metadata: { name, namespace: 'team' },
        spec,
      }),
    remove: (name) => server.remove(certificateProfiles, { namespace: 'team', name }),
    async watching() {
      informer.start()
      await timers.until(() => server.watches === 1, 'the watch is open')
    },
    told: (count) => timers.until(() => changes.length >= count, `${count} changes`),
    pausing: () => timers.until(() => calls.underWay === 0 && timers.pending === 1, 'a pause'),
    lists: () => requests(false),
    watches: () => requests(true),
  }
}

/** Fails the test when two requests are under way at once. */
function oneAtATime(client: KubernetesClient, calls: { underWay: number }): Pick<KubernetesClient, 'list' | 'watch'> {
  const begin = (): void => {
    calls.underWay += 1
    assert.equal(calls.underWay, 1, 'two requests at once')
  }
  return {
    async list(resource, listed) {
      begin()
      try {
        return await client.list(resource, listed)
      } finally {
        calls.underWay -= 1
      }
    },
    async *watch(resource, watched) {
      begin()
      try {
        yield* client.watch(resource, watched)
      } finally {
        calls.underWay -= 1
      }
    },
  }
}
