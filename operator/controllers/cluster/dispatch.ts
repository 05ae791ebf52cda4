import type { Log } from '../../../acme/ports.ts'
import type { Db } from '../../../store/database.ts'
import { listIssuers } from '../../../store/issuers.ts'
import { listProfilesOfIssuer, listServedProfiles } from '../../../store/profiles.ts'
import type { CustomResource, ObjectRef } from '../../kubernetes/objects.ts'
import type { WorkQueue } from '../../kubernetes/work-queue.ts'
import { issuerKeyOf, objectKey, parentKeyOf, valueAt } from './custom-object.ts'
import { conditionsOf } from './object-status.ts'
import { profileAnnotation } from './ownership.ts'
import { References } from './references.ts'

/** Which keys are looked at when something changes. */
export interface Dispatch {
  onIssuer(ref: ObjectRef, object: CustomResource | undefined): void
  onProfile(ref: ObjectRef, object: CustomResource | undefined): void
  onClusterIssuer(object: CustomResource | undefined): void
  /** Its labels may let its profiles in or keep them out. */
  onNamespace(name: string): void
  /** What to trust has changed: ClusterIssuers carry it. */
  onTrust(): void
  /** Adds everything that is declared, and every row whose object may be gone. Throws what the database throws. */
  resync(): Promise<void>
  /** How many profiles name the Issuer of this key. */
  countProfiles(issuerKey: string): number
}

export interface DispatchDeps {
  readonly db: Db
  readonly log: Log
  readonly queues: { readonly issuers: WorkQueue; readonly profiles: WorkQueue }
  readonly objects: {
    issuers(): readonly CustomResource[]
    profiles(): readonly CustomResource[]
    clusterIssuers(): readonly CustomResource[]
  }
  readonly ownNamespace: string
}

/** An Issuer counts its profiles a little later than they come: many come at once. */
const countSeconds = 2

export function createDispatch({ db, log, queues, objects, ownNamespace }: DispatchDeps): Dispatch {
  const issuerStates = new Map<string, string>()
  const issuerOfProfile = new References()
  const parentOfIssuer = new References()

  function addOwnProfiles(): void {
    for (const { metadata } of objects.profiles()) {
      if (metadata.namespace === ownNamespace) queues.profiles.add(objectKey(metadata))
    }
  }

  /** Also those that name it no more and are still served under it: it may have shut them out. */
  async function addServed(uid: string): Promise<void> {
    for (const profile of await listProfilesOfIssuer(db, uid)) queues.profiles.add(objectKey(profile))
  }

  function onClusterIssuer(object: CustomResource | undefined): void {
    const profile = object?.metadata.annotations?.[profileAnnotation]
    // One that is gone doesn't say whose it was.
    if (profile === undefined) addOwnProfiles()
    else queues.profiles.add(profile)
  }

  return {
    onClusterIssuer,
    onTrust: addOwnProfiles,
    countProfiles: (issuerKey) => issuerOfProfile.to(issuerKey).size,
    onIssuer(ref, object) {
      const key = objectKey(ref)
      queues.issuers.add(key)
      parentOfIssuer.set(key, object && parentKeyOf(object))
      const state = stateOf(object)
      // What depends on it doesn't look again for every word of its status.
      if (issuerStates.get(key) === state) return
      if (object === undefined) issuerStates.delete(key)
      else issuerStates.set(key, state)
      for (const profile of issuerOfProfile.to(key)) queues.profiles.add(profile)
      for (const child of parentOfIssuer.to(key)) queues.issuers.add(child)
      const uid = object?.metadata.uid
      if (uid === undefined) return
      addServed(uid).catch((err: unknown) => {
        log.warn({ err, object: `Issuer ${key}` }, 'profiles that it signs for are looked at later, at the next resync')
      })
    },
    onProfile(ref, object) {
      const key = objectKey(ref)
      queues.profiles.add(key)
      const issuer = object && issuerKeyOf(object)
      const before = issuerOfProfile.set(key, issuer)
      if (issuer === before) return
      for (const changed of [before, issuer]) {
        if (changed !== undefined) queues.issuers.addAfter(changed, countSeconds)
      }
    },
    onNamespace(name) {
      for (const { metadata } of objects.profiles()) {
        if (metadata.namespace === name) queues.profiles.add(objectKey(metadata))
      }
    },
    async resync() {
      for (const { metadata } of objects.issuers()) queues.issuers.add(objectKey(metadata))
      for (const { metadata } of objects.profiles()) queues.profiles.add(objectKey(metadata))
      for (const row of await listIssuers(db)) queues.issuers.add(objectKey(row))
      for (const row of await listServedProfiles(db)) queues.profiles.add(objectKey(row))
      for (const object of objects.clusterIssuers()) onClusterIssuer(object)
    },
  }
}

/** What matters about an Issuer to those that depend on it. */
function stateOf(object: CustomResource | undefined): string {
  if (object === undefined) return 'gone'
  const { uid, generation } = object.metadata
  const ready = conditionsOf(object.status).find(({ type }) => type === 'Ready')
  // Ready as before, but only now about the present spec, is a change too.
  return [uid, generation, valueAt(object.status, 'observedGeneration'), ready?.status, ready?.reason].join('/')
}
