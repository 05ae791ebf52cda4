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
  /** Whether all objects of a namespace are here: else one that isn't here may well exist. */
  knows(namespace: string): boolean
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
  readonly drift: Drift
}

/** How soon a namespace is looked at again whose objects can't be listed. */
export const unknownSeconds = 10

/** Tells a row that was changed behind the operator from one that is to change. */
export interface Drift {
  /** Called with what a row is to say; counts and tells when the database says otherwise though it had said just that. */
  check(title: string, planned: unknown, isThere: boolean): void
  forget(title: string): void
}

/** Remembers what each row was last seen to say; what is only to be written may still fail. */
export function createDrift(deps: { log: Log; metrics: { driftRepaired(kind: string): void } }): Drift {
  const settled = new Map<string, string>()
  return {
    check(object, planned, isThere) {
      const text = JSON.stringify(planned)
      if (isThere) {
        settled.set(object, text)
        return
      }
      if (settled.get(object) === text) {
        deps.metrics.driftRepaired(object.slice(0, object.indexOf(' ')))
        deps.log.warn({ object }, 'its row had been changed and is put right')
      }
      settled.delete(object)
    },
    forget: (object) => void settled.delete(object),
  }
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
