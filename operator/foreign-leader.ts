import type { Log } from '../acme/ports.ts'
import type { Db } from '../store/database.ts'
import { listLiveReplicas } from '../store/replicas.ts'
import type { KubernetesClient } from './kubernetes/client.ts'
import type { ObjectRef } from './kubernetes/objects.ts'
import { leases } from './kubernetes/resources.ts'
import { startLoop } from './loops.ts'
import type { Loop } from './loops.ts'

export interface ForeignLeaderDeps {
  readonly db: Db
  readonly client: Pick<KubernetesClient, 'get'>
  readonly lease: ObjectRef
  /** This process. */
  readonly identity: string
}

/** Longer than a Lease outlives its holder, so that one who has just ended is still known. */
const knownSeconds = 60
const lookSeconds = 60

/**
 * Who holds the Lease without sharing this process's database: two certctls in one namespace, of which this one never
 * hears of a change. Undefined while the holder is one of its own replicas, or nobody. Throws what API server and
 * database throw.
 */
export async function foreignLeader({ db, client, lease, identity }: ForeignLeaderDeps): Promise<string | undefined> {
  const holder = (await client.get(leases, lease))?.spec?.holderIdentity ?? ''
  if (holder === '' || holder === identity) return undefined
  const replicas = await listLiveReplicas(db, knownSeconds)
  return replicas.some(({ id }) => id === holder) ? undefined : holder
}

/** Looks every minute, and tells the log of each that it finds. */
export function watchForeignLeader(deps: ForeignLeaderDeps & { readonly log: Log }): Loop {
  const { lease, log } = deps
  let told: string | undefined
  return startLoop({
    name: 'looking who leads',
    intervalSeconds: lookSeconds,
    log,
    async work() {
      const holder = await foreignLeader(deps)
      if (holder !== undefined && holder !== told) {
        log.error(
          { ...lease, owner: holder },
          'the Lease is held by a certctl with another database, so that this one reconciles nothing; give each certctl a namespace of its own',
        )
      }
      told = holder
    },
  })
}
