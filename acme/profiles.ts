import { findProfileRevision, findServedProfile, listServedProfiles } from '../store/profiles.ts'
import type { Db } from '../store/database.ts'
import type { IssuancePolicy } from './policy.ts'

/** A profile that is served now, at its current revision. */
export interface ServedProfile {
  /** The id in URLs and in `meta.profiles`. */
  readonly id: string
  /** The row's identity, kept through edits; what accounts of its directory belong to. */
  readonly uuid: string
  readonly namespace: string
  readonly issuerId: string
  readonly revisionId: string
  readonly policy: IssuancePolicy
}

/** A revision as an order pinned it, whether or not its profile is still served. */
export interface PinnedRevision {
  readonly profileId: string
  readonly profileUuid: string
  readonly namespace: string
  readonly issuerId: string
  readonly policy: IssuancePolicy
}

/** The profiles this process serves: a snapshot in memory, kept fresh by whoever calls `refresh`. */
export interface Profiles {
  /** True once a snapshot has been read. */
  readonly loaded: boolean
  list(): readonly ServedProfile[]
  /** Reads through to the database for an id that the snapshot lacks, so that a new profile needs no waiting. */
  find(id: string): Promise<ServedProfile | undefined>
  /** The revision that an order pinned; revisions never change, so they are kept. */
  revision(revisionId: string): Promise<PinnedRevision | undefined>
  /** Replaces the snapshot by what the database serves now. Throws what the database throws and keeps the old one. */
  refresh(): Promise<void>
}

/** DNS labels joined by a dot: `metadata.name`, or `<namespace>.<name>`. */
const profileId = /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})?$/

/** Orders in flight pin few revisions; the bound only guards against a process that lives through thousands of edits. */
const keptRevisions = 1000

export function createProfiles(db: Db): Profiles {
  let served: ReadonlyMap<string, ServedProfile> | undefined
  const revisions = new Map<string, PinnedRevision>()

  function keepRevision(revisionId: string, revision: PinnedRevision): void {
    if (revisions.size >= keptRevisions) revisions.clear()
    revisions.set(revisionId, revision)
  }

  function keep(profile: ServedProfile): ServedProfile {
    const { id: profileId, uuid: profileUuid, namespace, issuerId, policy } = profile
    keepRevision(profile.revisionId, { profileId, profileUuid, namespace, issuerId, policy })
    return profile
  }

  return {
    get loaded() {
      return served !== undefined
    },
    list: () => [...(served?.values() ?? [])],
    async find(id) {
      const known = served?.get(id)
      if (known || !profileId.test(id)) return known
      const found = await findServedProfile<IssuancePolicy>(db, id)
      return found && keep(found)
    },
    async revision(revisionId) {
      const known = revisions.get(revisionId)
      if (known) return known
      const found = await findProfileRevision<IssuancePolicy>(db, revisionId)
      if (found) keepRevision(revisionId, found)
      return found
    },
    async refresh() {
      const profiles = await listServedProfiles<IssuancePolicy>(db)
      served = new Map(profiles.map((profile) => [profile.id, keep(profile)]))
    },
  }
}
