import { sql } from 'kysely'
import type { Db } from './database.ts'

/** What a replica says of itself. */
export interface Replica {
  id: string
  /** The snapshot version up to which it has loaded issuers and profiles; 0 where it has loaded none. */
  version: number
  /** The ids of the issuers whose signing key it should have and has not. */
  missingIssuers: readonly string[]
}

/**
 * Says that a replica is alive and what it has loaded; returns the current snapshot version. A change that is not in
 * that version is committed after this beat, so that whoever lists the replicas after a change sees every one that
 * does not know of it yet.
 */
export async function beat(db: Db, replica: Replica): Promise<{ version: number }> {
  const { rows } = await sql<{ version: number }>`
    with beaten as (
      insert into replicas (id, beat_at, version, missing_issuers)
        values (${replica.id}, certctl_now(), ${replica.version}, ${[...replica.missingIssuers]}::uuid[])
        on conflict (id) do update
          set beat_at = excluded.beat_at, version = excluded.version, missing_issuers = excluded.missing_issuers
    )
    select version from snapshot_version for share`.execute(db)
  const [current] = rows
  if (current === undefined) throw new TypeError('the snapshot version is gone; it came with the migrations')
  return current
}

export interface LiveReplica {
  id: string
  version: number
  missingIssuers: string[]
  /** Since its last beat, by the database's clock. */
  ageSeconds: number
}

/** The replicas whose last beat is not older than that, by the database's clock. */
export async function listLiveReplicas(db: Db, maxAgeSeconds: number): Promise<LiveReplica[]> {
  const { rows } = await sql<LiveReplica>`
    select id, version, missing_issuers::text[] as "missingIssuers",
        extract(epoch from (moment.now - beat_at))::double precision as "ageSeconds"
      from replicas, (select certctl_now() as now) moment
      where beat_at >= (select certctl_now()) - make_interval(secs => ${maxAgeSeconds})
      order by id`.execute(db)
  return rows
}

/** Forgets a replica that ends; one that only stopped beating is forgotten by the janitor, a day later. */
export async function removeReplica(db: Db, id: string): Promise<void> {
  await db.deleteFrom('replicas').where('id', '=', id).execute()
}
