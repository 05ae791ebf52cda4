import type { Log } from '../../../acme/ports.ts'
import { requireEpoch } from '../../../store/controller-epoch.ts'
import type { Db, Trx } from '../../../store/database.ts'
import type { Clock } from '../../clock.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { CustomResource, ObjectRef, Stored } from '../../kubernetes/objects.ts'
import type { ReconcileResult } from '../../kubernetes/workers.ts'
import type { ObjectStatuses } from './object-status.ts'

/** Brings one object after another to what it declares; each call looks at what is there now. */
export interface Controller {
  /** Throws what the API server and the database throw, and StaleEpoch where another replica leads. */
  reconcile(key: string): Promise<ReconcileResult>
}

/** What is known of the objects of one kind without asking anybody. */
export interface Cache {
  get(namespace: string, name: string): Stored<CustomResource> | undefined
  list(): readonly Stored<CustomResource>[]
}

/** What the controllers work with while this replica leads. */
export interface ControllerDeps {
  readonly db: Db
  /** Number of this leadership: the fence of every write. */
  readonly epoch: number
  readonly client: KubernetesClient
  readonly issuers: Cache
  readonly profiles: Cache
  readonly statuses: ObjectStatuses
  readonly clock: Clock
  readonly log: Log
  readonly ownNamespace: string
  readonly metrics: { driftRepaired(kind: string): void }
}

/** Runs a write in one transaction that fails where another replica has begun to lead. */
export function inEpoch<T>(
  { db, epoch }: Pick<ControllerDeps, 'db' | 'epoch'>,
  work: (trx: Trx) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (trx) => {
    await requireEpoch(trx, epoch)
    return work(trx)
  })
}

/** `Issuer certctl/internal-ca` */
export function title(kind: string, { namespace = '', name }: ObjectRef): string {
  return `${kind} ${namespace}/${name}`
}
