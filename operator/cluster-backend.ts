import { createProfiles } from '../acme/profiles.ts'
import type { Db } from '../store/database.ts'
import { listenForSnapshots } from '../store/notifications.ts'
import { createAcmeParts } from './acme-parts.ts'
import type { Config } from './config.ts'
import { valuesOf } from './controllers/cluster/ca-secret.ts'
import { lead } from './controllers/cluster/leadership.ts'
import type { LeadershipDeps } from './controllers/cluster/leadership.ts'
import { watchForeignLeader } from './foreign-leader.ts'
import type { ValidationCaps } from '../acme/validation/caps.ts'
import type { KubernetesClient } from './kubernetes/client.ts'
import { createEventRecorder } from './kubernetes/event-recorder.ts'
import { createLeaderElector } from './kubernetes/leader-elector.ts'
import { secrets } from './kubernetes/resources.ts'
import { systemTimers } from './kubernetes/timers.ts'
import { onceAvailable } from './loops.ts'
import { policyDefaults } from './plane.ts'
import type { Plane, PlaneDeps } from './plane.ts'
import { createHeartbeat } from './snapshot/heartbeat.ts'
import { createSnapshot } from './snapshot/snapshot.ts'
import type { CaSecrets } from './snapshot/secret-key.ts'

export interface ClusterDeps extends PlaneDeps {
  readonly db: Db
  readonly databaseUrl: string
  readonly client: KubernetesClient
  readonly identity: string
}

const leaseName = 'certctl-operator'

/**
 * Serves from a snapshot of the database, beats, and stands for election: every replica serves, the one with the Lease
 * reconciles. Neither the API server nor the Lease is needed to go on serving.
 */
export async function startInCluster(deps: ClusterDeps): Promise<Plane> {
  const { config, clock, log, metrics, registry, signal, db, client, identity } = deps
  if (config.rateLimitBackend === 'memory') {
    log.warn({}, 'rate limits are counted for each replica alone; set CERTCTL_RATE_LIMIT_BACKEND=postgres')
  }
  const profiles = createProfiles(db)
  const snapshot = createSnapshot({
    db,
    profiles,
    registry,
    secrets: secretsOf(client),
    ownNamespace: config.namespace,
    log,
  })
  const heartbeat = createHeartbeat({ db, id: identity, snapshot, timers: systemTimers, log })
  const wait = { log, signal, what: 'start' }
  const parts = await onceAvailable(
    () =>
      createAcmeParts({
        db,
        config,
        clock,
        log,
        metrics,
        profiles,
        issuers: registry,
        caps: capsOf(config),
        available: () => heartbeat.reasonNotServing(),
      }),
    wait,
  )
  await onceAvailable(() => snapshot.refresh(), wait)
  heartbeat.start()
  const listener = listenForSnapshots({ url: deps.databaseUrl, onChange: () => heartbeat.wake(), log })
  const events = createEventRecorder({
    client,
    reportingController: 'certctl.io/operator',
    reportingInstance: identity,
    timers: systemTimers,
    clock,
    log,
  })
  const elector = createLeaderElector({
    client,
    namespace: config.namespace,
    leaseName,
    identity,
    timers: systemTimers,
    clock,
    log,
    lead: (leading) => lead(leadershipDeps(deps, events), leading),
    onChange: (leads) => metrics.leading(leads),
  })
  elector.start()
  const lease = { namespace: config.namespace, name: leaseName }
  const strangers = watchForeignLeader({ db, client, lease, identity, log })
  return {
    parts,
    readyProfiles: profiles.list().map(({ id }) => id),
    reload: () => heartbeat.wake(),
    reasonNotServing: () => heartbeat.reasonNotServing(),
    async stop() {
      await Promise.all([elector.stop(), strangers.stop()])
      await events.stop()
      await listener.stop()
      await heartbeat.stop()
      client.close()
    },
  }
}

function leadershipDeps(deps: ClusterDeps, events: LeadershipDeps['events']): LeadershipDeps {
  const { config, clock, log, metrics, registry, db, client, identity, certificates } = deps
  const everywhere = config.watchNamespaces.includes('*')
  return {
    db,
    client,
    registry,
    events,
    clock,
    timers: systemTimers,
    log,
    metrics,
    identity,
    ownNamespace: config.namespace,
    watch: everywhere ? 'all' : orOwn(config.watchNamespaces, config),
    defaults: policyDefaults(config),
    caps: capsOf(config),
    directoryUrl: (profileId) => `${config.externalUrls[0]}/acme/profile/${profileId}/directory`,
    keepsClusterIssuers: config.clusterIssuers === 'on',
    clusterTrustBundle: config.clusterTrustBundle === 'on',
    trustNamespaces: orOwn(config.trustNamespaces, config),
    ...(config.initialManifests !== undefined && { initialManifests: config.initialManifests }),
    caPem: () => certificates.caPem(),
  }
}

function orOwn(namespaces: readonly string[], { namespace }: Config): readonly string[] {
  return namespaces.length === 0 ? [namespace] : [...new Set(namespaces)]
}

/** What pods and their clients have for addresses; what else is inside of a node or its cloud no tenant may reach. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']

function capsOf({ validationNetworksCap: networks, resolversCap: resolvers }: Config): ValidationCaps {
  return { networks: networks.length > 0 ? networks : privateNetworks, ...(resolvers.length > 0 && { resolvers }) }
}

function secretsOf(client: KubernetesClient): CaSecrets {
  return {
    async read(namespace, name) {
      const secret = await client.get(secrets, { namespace, name })
      return secret && valuesOf(secret)
    },
  }
}
