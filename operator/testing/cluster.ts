import { setImmediate as turn } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { parse } from 'yaml'
import { createProfiles } from '../../acme/profiles.ts'
import type { Profiles } from '../../acme/profiles.ts'
import type { Db } from '../../store/database.ts'
import { openTestDatabase } from '../../store/testing/database.ts'
import { valuesOf } from '../controllers/cluster/ca-secret.ts'
import { valueAt } from '../controllers/cluster/custom-object.ts'
import { lead } from '../controllers/cluster/leadership.ts'
import type { LeadershipDeps } from '../controllers/cluster/leadership.ts'
import { conditionsOf } from '../controllers/cluster/object-status.ts'
import { createIssuerRegistry } from '../issuer-registry.ts'
import type { IssuerRegistry } from '../issuer-registry.ts'
import { createKubernetesClient } from '../kubernetes/client.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import type { CustomResource, Stored } from '../kubernetes/objects.ts'
import { certificateProfiles, issuers, secrets } from '../kubernetes/resources.ts'
import { systemTimers } from '../kubernetes/timers.ts'
import type { Timers } from '../kubernetes/timers.ts'
import { createHeartbeat } from '../snapshot/heartbeat.ts'
import { createSnapshot } from '../snapshot/snapshot.ts'
import { startApiServer } from './api-server.ts'
import type { TestApiServer } from './api-server.ts'
import { recordingLog } from './recording-log.ts'
import type { LogLine } from './recording-log.ts'
import { testClock } from './standalone.ts'
import type { TestClock } from './standalone.ts'

/** What a test may ask for otherwise. */
export type ClusterOptions = Partial<
  Pick<
    LeadershipDeps,
    | 'watch'
    | 'caps'
    | 'initialManifests'
    | 'keepsClusterIssuers'
    | 'clusterTrustBundle'
    | 'trustNamespaces'
    | 'caPem'
    | 'timers'
  >
>

/** Counted by a replica that leads, by name. */
export type Counts = Map<string, number>

/** A replica that leads, over a small API server and a database of its own. */
export interface ClusterHarness {
  readonly api: TestApiServer
  readonly client: KubernetesClient
  readonly db: Db
  readonly profiles: Profiles
  readonly registry: IssuerRegistry
  readonly clock: TestClock
  readonly log: { readonly lines: readonly LogLine[] }
  readonly counts: Counts
  readonly events: { readonly reason: string; readonly note: string; readonly name: string }[]
  /** Begins to lead; what is returned ends it and tells what it ended with. */
  lead(options?: ClusterOptions): () => Promise<unknown>
  /** Somebody applies an object, written in YAML: its status stays, its generation grows with its spec. */
  apply(yaml: string): Stored<CustomResource>
  remove(kind: Kind, name: string, namespace?: string): void
  find(kind: Kind, name: string, namespace?: string): Stored<CustomResource> | undefined
  /** `True Ready` or `False InvalidSpec`: a condition about the present spec; empty while there is none. */
  condition(kind: Kind, name: string, type?: string, namespace?: string): string
  /** Waits, in real time, until this holds. Throws with what the objects show when it doesn't within ten seconds. */
  until(holds: () => boolean | Promise<boolean>, what: string): Promise<void>
}

type Kind = 'Issuer' | 'CertificateProfile'

const resources = { Issuer: issuers, CertificateProfile: certificateProfiles }
const longestWaitMs = 10_000

/** A replica over a database, with its snapshot and its heartbeat, that leads when the test says so. */
export async function clusterHarness(t: TestContext, options: { timers?: Timers } = {}): Promise<ClusterHarness> {
  const database = await openTestDatabase('postgres')
  t.after(() => database.close())
  const { db } = database
  const api = await startApiServer(t)
  const timers = options.timers ?? systemTimers
  const client = createKubernetesClient({ credentials: api.credentials(), timers: systemTimers })
  t.after(() => client.close())
  const clock = testClock('2026-06-01T00:00:00Z')
  const log = recordingLog()
  const profiles = createProfiles(db)
  const registry = createIssuerRegistry('http://pki.example')
  const read = async (namespace: string, name: string): Promise<ReadonlyMap<string, string> | undefined> => {
    const secret = await client.get(secrets, { namespace, name })
    return secret && valuesOf(secret)
  }
  const snapshot = createSnapshot({ db, profiles, registry, secrets: { read }, ownNamespace: 'certctl', log })
  const heartbeat = createHeartbeat({ db, id: 'replica-a', snapshot, timers: systemTimers, log, intervalSeconds: 0.05 })
  heartbeat.start()
  t.after(() => heartbeat.stop())
  const events: ClusterHarness['events'] = []
  const counts: Counts = new Map()
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  const ends: (() => Promise<unknown>)[] = []
  t.after(() => Promise.all(ends.map((end) => end())))

  function startLeading(changes: ClusterOptions = {}): () => Promise<unknown> {
    const ending = new AbortController()
    const leading = lead(
      {
        db,
        client,
        registry,
        events: {
          record: ({ regarding, reason, note }) => void events.push({ reason, note, name: regarding.metadata.name }),
        },
        clock,
        timers,
        log,
        metrics: {
          reconcile: (kind, result) => count(`reconcile ${kind} ${result}`),
          reconcileSeconds: () => {},
          driftRepaired: (kind) => count(`drift ${kind}`),
          statusWritten: (kind) => count(`status ${kind}`),
          fenced: () => count('fenced'),
          watchRestart: () => {},
          watchControllers: () => {},
        },
        identity: 'replica-a',
        ownNamespace: 'certctl',
        watch: ['certctl'],
        defaults: { orderLifetimeSeconds: 86_400, authorizationLifetimeSeconds: 86_400, meta: {} },
        caps: {},
        directoryUrl: (id) => `https://ca.example/acme/profile/${id}/directory`,
        keepsClusterIssuers: false,
        clusterTrustBundle: false,
        trustNamespaces: ['certctl'],
        caPem: () => Promise.resolve('-----BEGIN CERTIFICATE-----\nlistener\n-----END CERTIFICATE-----\n'),
        ...changes,
      },
      ending.signal,
    ).then(
      () => undefined,
      (error: unknown) => error,
    )
    const end = (): Promise<unknown> => {
      ending.abort(new Error('the test ends it'))
      return leading
    }
    ends.push(end)
    return end
  }

  const find = (kind: Kind, name: string, namespace = 'certctl'): Stored<CustomResource> | undefined =>
    api.read(resources[kind], { namespace, name })

  function shown(): string {
    const all = [...api.readAll(issuers), ...api.readAll(certificateProfiles)]
    const lines = all.map(({ kind, metadata, status }) => `${kind} ${metadata.name}: ${JSON.stringify(status)}`)
    return [...lines, ...log.lines.map((line) => JSON.stringify(line))].join('\n')
  }

  return {
    api,
    client,
    db,
    profiles,
    registry,
    clock,
    log,
    counts,
    events,
    lead: startLeading,
    apply(yaml) {
      const object: CustomResource = parse(yaml) as CustomResource
      const kind = object.kind === 'Issuer' ? 'Issuer' : 'CertificateProfile'
      const { name, namespace = 'certctl' } = object.metadata
      const status = find(kind, name, namespace)?.status
      return api.write(resources[kind], {
        ...object,
        metadata: { ...object.metadata, namespace },
        ...(status !== undefined && { status }),
      })
    },
    remove: (kind, name, namespace = 'certctl') => api.remove(resources[kind], { namespace, name }),
    find,
    condition(kind, name, type = 'Ready', namespace = 'certctl') {
      const object = find(kind, name, namespace)
      const condition = conditionsOf(object?.status).find((one) => one.type === type)
      if (condition === undefined || valueAt(object?.status, 'observedGeneration') !== object?.metadata.generation)
        return ''
      return `${condition.status} ${condition.reason}`
    },
    async until(holds, what) {
      const giveUpAt = performance.now() + longestWaitMs
      while (!(await holds())) {
        if (performance.now() > giveUpAt) throw new Error(`never came true: ${what}\n${shown()}`)
        await turn()
      }
    },
  }
}
