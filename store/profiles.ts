import { type RawBuilder, sql } from 'kysely'
import { insertAudit } from './audit.ts'
import type { Db, Trx } from './database.ts'
import { lockObject } from './object-lock.ts'

export interface DeclaredProfile<Policy> {
  /** The id in URLs. */
  profileId: string
  namespace: string
  name: string
  /** Tells an object from another one that had its name before. */
  uid: string
  issuerId: string
  /** Of the object's spec: an older one never overwrites a newer. */
  generation: number
  policy: Policy
  policyHash: string
  actor: string
}

export interface StoredProfile {
  uuid: string
  revisionId: string
  revision: number
}

/**
 * Makes the row of a profile say what its object says, and retires whatever else had that name. A policy that the
 * profile had before is that revision again; another is a new one. Returns undefined where a newer generation is
 * stored already. Throws a unique violation of profiles_profile_id_key where an object of another name has the id.
 */
export async function upsertProfile<Policy extends object>(
  trx: Trx,
  profile: DeclaredProfile<Policy>,
): Promise<StoredProfile | undefined> {
  await lockObject(trx, 'profile', profile)
  const namesakes = sql<boolean>`namespace = ${profile.namespace} and name = ${profile.name} and uid <> ${profile.uid}`
  await retireProfiles(trx, namesakes, profile.actor)
  const uuid = await upsertIdentity(trx, profile)
  if (uuid === undefined) return undefined
  const { id: revisionId, revision } = await ensureRevision(trx, uuid, profile)
  await trx.updateTable('profiles').set({ current_revision_id: revisionId }).where('id', '=', uuid).execute()
  return { uuid, revisionId, revision }
}

/** Also locks the row until the transaction ends, so that revisions are counted one at a time. */
async function upsertIdentity(
  trx: Trx,
  profile: Omit<DeclaredProfile<unknown>, 'policy'>,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    insert into profiles (profile_id, namespace, name, uid, issuer_id, generation)
      values (
        ${profile.profileId}, ${profile.namespace}, ${profile.name}, ${profile.uid}, ${profile.issuerId},
        ${profile.generation}
      )
      on conflict (uid) do update
        set profile_id = excluded.profile_id, issuer_id = excluded.issuer_id, generation = excluded.generation,
          retired_at = null
        where profiles.generation <= excluded.generation
      returning id`.execute(trx)
  return rows[0]?.id
}

async function ensureRevision(
  trx: Trx,
  uuid: string,
  profile: DeclaredProfile<object>,
): Promise<{ id: string; revision: number }> {
  const known = await trx
    .selectFrom('profile_revisions')
    .select(['id', 'revision'])
    .where('profile_uuid', '=', uuid)
    .where('policy_hash', '=', profile.policyHash)
    .executeTakeFirst()
  if (known !== undefined) return known

  const inserted = await trx
    .insertInto('profile_revisions')
    .values({
      profile_uuid: uuid,
      revision: sql`(select coalesce(max(revision), 0) + 1 from profile_revisions where profile_uuid = ${uuid})`,
      policy: JSON.stringify(profile.policy),
      policy_hash: profile.policyHash,
    })
    .returning(['id', 'revision'])
    .executeTakeFirstOrThrow()
  await insertAudit(trx, {
    actor: profile.actor,
    action: 'profile.revise',
    resourceType: 'profile',
    resourceId: uuid,
    details: { profile: profile.profileId, revision: inserted.revision, policyHash: profile.policyHash },
  })
  return inserted
}

/** Retires the profile of an object that is gone: it is served no more. Its orders and certificates stay. */
export async function retireProfile(db: Db, { uid, actor }: { uid: string; actor: string }): Promise<boolean> {
  return (await retireProfiles(db, sql<boolean>`uid = ${uid}`, actor)) > 0
}

async function retireProfiles(db: Db, which: RawBuilder<boolean>, actor: string): Promise<number> {
  const { rows } = await sql`
    with retired as (
      update profiles set retired_at = certctl_now() where ${which} and retired_at is null returning id, profile_id
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select ${actor}, 'profile.retire', 'profile', id::text, jsonb_build_object('profile', profile_id) from retired
      returning true`.execute(db)
  return rows.length
}

export interface ServedProfile<Policy> {
  /** The id in URLs. */
  id: string
  /** Stays the same through edits; what accounts of its directory belong to. */
  uuid: string
  namespace: string
  name: string
  uid: string
  issuerId: string
  revisionId: string
  /** Of the current revision, counted from 1. */
  revision: number
  generation: number
  policy: Policy
  policyHash: string
  /** The snapshot version of its last change. */
  version: number
}

/** Every profile that is not retired, at its current revision. `Policy` is what the caller stored: it is not checked. */
export async function listServedProfiles<Policy>(db: Db): Promise<ServedProfile<Policy>[]> {
  return (await servedProfiles(db).orderBy('p.profile_id').execute()) as ServedProfile<Policy>[]
}

/** The profile that is served under that id, as listServedProfiles gives it. */
export async function findServedProfile<Policy>(db: Db, id: string): Promise<ServedProfile<Policy> | undefined> {
  const profile = await servedProfiles(db).where('p.profile_id', '=', id).executeTakeFirst()
  return profile as ServedProfile<Policy> | undefined
}

/** The profile of that object, as listServedProfiles gives it. */
export async function findProfile<Policy>(
  db: Db,
  object: { namespace: string; name: string },
): Promise<ServedProfile<Policy> | undefined> {
  const { namespace, name } = object
  const profile = await servedProfiles(db)
    .where('p.namespace', '=', namespace)
    .where('p.name', '=', name)
    .executeTakeFirst()
  return profile as ServedProfile<Policy> | undefined
}

/** The objects whose profiles the issuer with this uid signs for. */
export async function listProfilesOfIssuer(db: Db, issuerUid: string): Promise<{ namespace: string; name: string }[]> {
  return db
    .selectFrom('profiles as p')
    .innerJoin('issuers as i', 'i.id', 'p.issuer_id')
    .select(['p.namespace', 'p.name'])
    .where('i.uid', '=', issuerUid)
    .where('p.retired_at', 'is', null)
    .execute()
}

export interface ProfileRevision<Policy> {
  /** The id in URLs of the profile, which may be retired. */
  profileId: string
  profileUuid: string
  namespace: string
  issuerId: string
  policy: Policy
}

/** A revision that an order or an authorization pinned. `Policy` is what the caller stored: it is not checked. */
export async function findProfileRevision<Policy>(
  db: Db,
  revisionId: string,
): Promise<ProfileRevision<Policy> | undefined> {
  const revision = await db
    .selectFrom('profile_revisions as r')
    .innerJoin('profiles as p', 'p.id', 'r.profile_uuid')
    .select(['p.profile_id as profileId', 'p.id as profileUuid', 'p.namespace', 'p.issuer_id as issuerId', 'r.policy'])
    .where('r.id', '=', revisionId)
    .executeTakeFirst()
  return revision as ProfileRevision<Policy> | undefined
}

function servedProfiles(db: Db) {
  return db
    .selectFrom('profiles as p')
    .innerJoin('profile_revisions as r', 'r.id', 'p.current_revision_id')
    .select([
      'p.profile_id as id',
      'p.id as uuid',
      'p.namespace',
      'p.name',
      'p.uid',
      'p.issuer_id as issuerId',
      'r.id as revisionId',
      'r.revision',
      'p.generation',
      'r.policy',
      'r.policy_hash as policyHash',
      'p.version',
    ])
    .where('p.retired_at', 'is', null)
}
