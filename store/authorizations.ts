import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { NewAuthorization } from './orders.ts'
import type { AccountId, AuthorizationId, Identifier } from './schema.ts'
import { type AuthorizationJson, readAuthorization, selectAuthorization } from './view-queries.ts'
import type { AuthorizationView, OrderAuthorizationView } from './views.ts'

export async function findAuthorizationView(
  db: Db,
  authorization: { id: AuthorizationId; accountId: AccountId },
): Promise<AuthorizationView | undefined> {
  const { rows } = await sql<{ view: AuthorizationJson }>`${selectAuthorization(authorization)}`.execute(db)
  return rows[0] && readAuthorization(rows[0].view)
}

/** Creates an authorization ahead of any order (RFC 8555 section 7.4.1), with its challenges. */
export async function insertAuthorization(
  db: Db,
  authorization: NewAuthorization & { accountId: AccountId; profileRevisionId: string; actor: string },
): Promise<void> {
  const { identifier } = authorization
  await sql`
    with created as (
      insert into authorizations (
          id, account_id, profile_revision_id, identifier_type, identifier_value, wildcard, status, expires_at,
          validated_at
        )
        values (
          ${authorization.id}, ${authorization.accountId}, ${authorization.profileRevisionId}, ${identifier.type},
          ${identifier.value}, ${authorization.wildcard}, ${authorization.status}, ${authorization.expiresAt},
          ${authorization.status === 'valid' ? sql`certctl_now()` : null}
        )
        returning id
    ),
    challenged as (
      insert into challenges (id, authorization_id, type, token)
        select c.id, created.id, c.type, c.token from created,
          jsonb_to_recordset(${JSON.stringify(authorization.challenges)}::jsonb) as c (id text, type text, token text)
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select ${authorization.actor}, 'authorization.create', 'authorization', id,
        jsonb_build_object('identifier', ${JSON.stringify(identifier)}::jsonb, 'wildcard', ${authorization.wildcard}::boolean)
      from created`.execute(db)
}

/**
 * The unexpired authorizations that an account holds for any of these names under any revision of that profile, the
 * valid ones first: what a new order may reuse. Nothing validated under another profile's policy is among them.
 */
export async function findReusableAuthorizations(
  db: Db,
  wanted: { accountId: AccountId; profileRevisionId: string; names: readonly string[] },
): Promise<OrderAuthorizationView[]> {
  const { rows } = await sql<OrderAuthorizationView>`
    select a.id, json_build_object('type', a.identifier_type, 'value', a.identifier_value) as identifier,
        a.wildcard, a.status, a.expires_at as "expiresAt"
      from authorizations a join profile_revisions r on r.id = a.profile_revision_id
      where a.account_id = ${wanted.accountId} and a.identifier_value = any (${[...wanted.names]})
        and a.status in ('pending', 'valid') and a.expires_at > (select certctl_now())
        and r.profile_uuid = (select profile_uuid from profile_revisions where id = ${wanted.profileRevisionId})
      order by a.status desc, a.expires_at desc`.execute(db)
  return rows
}

/**
 * Whether the account holds a valid, unexpired authorization for every one of the identifiers, which lets it revoke a
 * certificate that another account obtained (RFC 8555 section 7.6).
 */
export async function holdsAuthorizations(
  db: Db,
  accountId: AccountId,
  identifiers: readonly (Identifier & { wildcard: boolean })[],
): Promise<boolean> {
  const { rows } = await sql<{ holds: boolean }>`
    select not exists (
      select from jsonb_to_recordset(${JSON.stringify(identifiers)}::jsonb) as i (type text, value text, wildcard boolean)
        where not exists (
          select from authorizations a
            where a.account_id = ${accountId} and a.identifier_type = i.type and a.identifier_value = i.value
              and a.wildcard = i.wildcard and a.status = 'valid' and a.expires_at > (select certctl_now())
        )
    ) as holds`.execute(db)
  return identifiers.length > 0 && rows[0]?.holds === true
}

/**
 * Gives up a pending or valid authorization (RFC 8555 section 7.5.2): false where the account has none such. Orders
 * need no write, since their status follows; a certificate that was issued with it stays.
 */
export async function deactivateAuthorization(
  db: Db,
  { id, accountId }: { id: AuthorizationId; accountId: AccountId },
): Promise<boolean> {
  const { rows } = await sql`
    with deactivated as (
      update authorizations set status = 'deactivated'
        where id = ${id} and account_id = ${accountId} and status in ('pending', 'valid')
        returning id, identifier_value
    )
    insert into audit_events (actor, action, resource_type, resource_id, details)
      select ${`acme:${accountId}`}, 'authorization.deactivate', 'authorization', id,
        jsonb_build_object('identifier', identifier_value)
      from deactivated
      returning true`.execute(db)
  return rows.length > 0
}
