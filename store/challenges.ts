import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'
import type { AccountId, ChallengeId, ChallengeType, StoredProblem } from './schema.ts'
import { type ChallengeJson, challengeObject, readChallenge, selectChallenge } from './view-queries.ts'
import type { ChallengeView } from './views.ts'

export async function findChallengeView(
  db: Db,
  challenge: { id: ChallengeId; accountId: AccountId },
): Promise<ChallengeView | undefined> {
  const { rows } = await sql<{ view: ChallengeJson }>`${selectChallenge(challenge)}`.execute(db)
  return rows[0] && readChallenge(rows[0].view)
}

/**
 * Begins validation on behalf of the client's POST: `pending -> processing`, leased to `owner`. False where the
 * challenge was begun before, or its authorization is not pending any more: then there is nothing to do.
 */
export async function beginChallenge(
  db: Db,
  lease: { id: ChallengeId; owner: string; leaseSeconds: number },
): Promise<boolean> {
  const { rows } = await sql`
    with clock as materialized (select certctl_now() as now)
    update challenges c
      set status = 'processing', responded_at = clock.now, attempts = attempts + 1,
        locked_by = ${lease.owner}, locked_until = clock.now + make_interval(secs => ${lease.leaseSeconds})
      from clock, authorizations a
      where c.id = ${lease.id} and c.status = 'pending'
        and a.id = c.authorization_id and a.status = 'pending' and a.expires_at > clock.now
      returning true`.execute(db)
  return rows.length > 0
}

/** A challenge to validate, with what the key authorization and the policy are found by. */
export interface ClaimedChallenge {
  challenge: ChallengeView
  accountThumbprint: string
}

/**
 * Leases challenges that are due: rescheduled ones whose time has come, and those whose owner let its lease run out.
 * Claims of different workers never overlap and never wait for each other.
 */
export async function claimChallenges(
  db: Db,
  claim: { owner: string; leaseSeconds: number; limit: number; types: readonly ChallengeType[] },
): Promise<ClaimedChallenge[]> {
  const { rows } = await sql<{ view: ChallengeJson; thumbprint: string }>`
    with clock as materialized (select certctl_now() as now),
    due as (
      select c.id
        from challenges c join authorizations a on a.id = c.authorization_id
        where c.status = 'processing' and coalesce(c.locked_until, c.next_attempt_at) <= (select now from clock)
          and c.type = any (${[...claim.types]}) and a.status = 'pending' and a.expires_at > (select now from clock)
        order by coalesce(c.locked_until, c.next_attempt_at)
        limit ${claim.limit}
        for no key update of c skip locked
    ),
    claimed as (
      update challenges c
        set attempts = attempts + 1, next_attempt_at = null, locked_by = ${claim.owner},
          locked_until = clock.now + make_interval(secs => ${claim.leaseSeconds})
        from due, clock
        where c.id = due.id
        returning c.*
    )
    select ${challengeObject} as view, accounts.jwk_thumbprint as thumbprint
      from claimed c join authorizations a on a.id = c.authorization_id join accounts on accounts.id = a.account_id
  `.execute(db)
  return rows.map(({ view, thumbprint }) => ({ challenge: readChallenge(view), accountThumbprint: thumbprint }))
}

export type ChallengeOutcome =
  | {
      status: 'valid'
      /** Until when the authorization may be used, where that is not as it was made. */
      authorizationExpiresAt?: Date
    }
  | { status: 'invalid'; error: StoredProblem }

/**
 * Records how a validation ended, and the authorization's status with it, in one commit. Only the owner of the lease
 * may: false means that another worker has taken the challenge over, and that nothing changed. A lease that ran out
 * is still held until somebody takes it.
 */
export async function completeChallenge(
  db: Db,
  completion: { id: ChallengeId; owner: string; outcome: ChallengeOutcome },
): Promise<boolean> {
  const { outcome } = completion
  const error = outcome.status === 'invalid' ? JSON.stringify(outcome.error) : null
  const expiresAt = outcome.status === 'valid' ? (outcome.authorizationExpiresAt ?? null) : null
  const { rows } = await sql`
    with completed as (
      update challenges
        set status = ${outcome.status}, error = ${error}::jsonb, next_attempt_at = null, locked_by = null,
          locked_until = null, validated_at = ${outcome.status === 'valid' ? sql`certctl_now()` : sql`null`}
        where id = ${completion.id} and status = 'processing' and locked_by = ${completion.owner}
        returning id, type, authorization_id, validated_at, error
    ),
    decided as (
      update authorizations a
        set status = ${outcome.status}, validated_at = completed.validated_at,
          expires_at = coalesce(${expiresAt}::timestamptz, a.expires_at)
        from completed
        where a.id = completed.authorization_id and a.status = 'pending'
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select 'acme:' || a.account_id, ${`challenge.${outcome.status}`}, 'challenge', completed.id,
        jsonb_build_object('type', completed.type, 'authorization', a.id, 'identifier', a.identifier_value,
          'error', completed.error)
      from completed join authorizations a on a.id = completed.authorization_id
      returning true`.execute(db)
  return rows.length > 0
}

/**
 * Gives a challenge back to be tried again in that many seconds, by whichever worker comes first; the client sees
 * `error` meanwhile. False where the lease was lost.
 */
export async function rescheduleChallenge(
  db: Db,
  retry: { id: ChallengeId; owner: string; delaySeconds: number; error?: StoredProblem },
): Promise<boolean> {
  const { rows } = await sql`
    update challenges
      set locked_by = null, locked_until = null,
        next_attempt_at = certctl_now() + make_interval(secs => ${retry.delaySeconds}),
        error = ${retry.error === undefined ? null : JSON.stringify(retry.error)}::jsonb
      where id = ${retry.id} and status = 'processing' and locked_by = ${retry.owner}
      returning true`.execute(db)
  return rows.length > 0
}

/** Gives back one challenge, untried, to whoever comes first. False where the lease was lost. */
export async function releaseChallenge(db: Db, { id, owner }: { id: ChallengeId; owner: string }): Promise<boolean> {
  return (await release(db, sql`id = ${id} and locked_by = ${owner}`)) > 0
}

/** Gives back all that this owner has leased, untried, so that the others need not wait for its leases to run out. */
export async function releaseChallenges(db: Db, owner: string): Promise<number> {
  return release(db, sql`locked_by = ${owner}`)
}

async function release(db: Db, which: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql`
    update challenges
      set locked_by = null, locked_until = null, next_attempt_at = certctl_now(), attempts = attempts - 1
      where status = 'processing' and ${which}
      returning true`.execute(db)
  return rows.length
}
