import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { AccountId, AuthorizationId, ChallengeId, ChallengeType, Identifier, OrderId } from './schema.ts'
import { type OrderJson, readOrder, selectOrder } from './view-queries.ts'
import type { OrderView } from './views.ts'

export interface NewAuthorization {
  id: AuthorizationId
  /** Without the `*.` of a wildcard. */
  identifier: Identifier
  wildcard: boolean
  /** `valid` where the profile trusts the account. */
  status: 'pending' | 'valid'
  expiresAt: Date
  challenges: readonly { id: ChallengeId; type: ChallengeType; token: string }[]
}

export interface NewOrder {
  id: OrderId
  accountId: AccountId
  profileRevisionId: string
  identifiers: readonly Identifier[]
  notBefore?: Date
  notAfter?: Date
  expiresAt: Date
  /** One for each identifier that no reused authorization covers. */
  authorizations: readonly NewAuthorization[]
  /** Authorizations the account holds already (RFC 8555 section 7.4.1). */
  reusedAuthorizations?: readonly AuthorizationId[]
  /** How many unfinished orders the account may have, this one included. */
  pendingLimit: number
  actor: string
}

/**
 * Creates an order with its authorizations and challenges, or refuses it: one round trip, or two where a large limit is
 * near. The limit is exact, also under concurrent
 * requests: it counts the account's orders that have neither certificate nor error, have not expired and can still
 * become ready.
 */
export async function createOrder(
  db: Db,
  order: NewOrder,
): Promise<{ outcome: 'created' } | { outcome: 'too-many-pending'; pending: number }> {
  const attempt = await callCreateOrder(db, order, false)
  const { outcome, pending } = attempt.outcome === 'contended' ? await callCreateOrder(db, order, true) : attempt
  return outcome === 'created' ? { outcome } : { outcome: 'too-many-pending', pending }
}

/** Among others only when the limit is far; taking turns, it is never `contended`. */
async function callCreateOrder(
  db: Db,
  order: NewOrder,
  takeTurns: boolean,
): Promise<{ outcome: 'created' | 'too-many-pending' | 'contended'; pending: number }> {
  const { rows } = await sql<{ outcome: 'created' | 'too-many-pending' | 'contended'; pending: number }>`
    select outcome, pending from certctl_create_order(
      ${JSON.stringify(orderJson(order))}::jsonb, ${JSON.stringify(order.authorizations.map(authorizationJson))}::jsonb,
      ${[...(order.reusedAuthorizations ?? [])]}::text[], ${order.pendingLimit}::integer, ${takeTurns}::boolean,
      ${order.actor}
    )`.execute(db)
  if (rows[0] === undefined) throw new TypeError('a statement that always returns one row returned none')
  return rows[0]
}

export async function findOrderView(
  db: Db,
  order: { id: OrderId; accountId: AccountId },
): Promise<OrderView | undefined> {
  const { rows } = await sql<{ view: OrderJson }>`${selectOrder(order)}`.execute(db)
  return rows[0] && readOrder(rows[0].view)
}

/**
 * A page of an account's orders, newest first, for RFC 8555 section 7.1.2.1: those that failed or that expired
 * unfinished are left out. `after` is the last order of the page before.
 */
export async function listOrders(
  db: Db,
  accountId: AccountId,
  page: { after?: OrderId; limit: number },
): Promise<OrderId[]> {
  const before =
    page.after === undefined
      ? sql`true`
      : sql`(created_at, id) < (select created_at, id from orders where id = ${page.after} and account_id = ${accountId})`
  const { rows } = await sql<{ id: OrderId }>`
    select id from orders
      where account_id = ${accountId} and ${before} and error is null
        and (certificate_id is not null or expires_at > (select certctl_now())
          or exists (select from issuance_intents i where i.order_id = orders.id))
      order by created_at desc, id desc
      limit ${page.limit}`.execute(db)
  return rows.map(({ id }) => id)
}

/** As certctl_create_order reads it. */
function orderJson(order: NewOrder): object {
  return {
    id: order.id,
    account_id: order.accountId,
    profile_revision_id: order.profileRevisionId,
    identifiers: order.identifiers,
    not_before: order.notBefore,
    not_after: order.notAfter,
    expires_at: order.expiresAt,
  }
}

function authorizationJson({ identifier, expiresAt, ...authorization }: NewAuthorization): object {
  return {
    ...authorization,
    identifier_type: identifier.type,
    identifier_value: identifier.value,
    expires_at: expiresAt,
  }
}
