import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'
import { idleBuckets } from './rate-limits.ts'

/** For how long what is past its use is kept, in seconds. */
export interface Retention {
  /**
   * Of spent nonces beyond their expiry: as long as any replica may still go by a longer time to live, or the
   * database's clock be set back.
   */
  usedNonces: number
  /** Of an order beyond its expiry, with its authorizations; of the details of an issuance beyond its day. */
  endedOrders: number
  /** Of certificates beyond their notAfter. */
  certificates: number
  auditEvents: number
  /** Of a replica beyond its last beat: one that ended without a word. */
  replicas: number
}

const HOUR = 3_600
const DAY = 24 * HOUR

export const defaultRetention: Retention = {
  usedNonces: HOUR,
  endedOrders: 7 * DAY,
  certificates: 365 * DAY,
  auditEvents: 730 * DAY,
  replicas: DAY,
}

export type JanitorTable =
  | 'used_nonces'
  | 'rate_limit_buckets'
  | 'issuance_intents'
  | 'orders'
  | 'authorizations'
  | 'certificates'
  | 'audit_events'
  | 'replicas'

/**
 * Deletes what is past its use from every table that grows, in batches that commit by themselves and skip what
 * anybody has locked, so that any number of processes may do it at once and none waits. Returns how many rows of each
 * table went; what hangs on them (challenges, an order's links) is not counted. Stops between batches on `signal`.
 */
export async function deleteExpired(
  db: Db,
  options: { retention: Retention; batchSize: number; signal?: AbortSignal },
): Promise<Record<JanitorTable, number>> {
  const { batchSize, signal } = options
  const statements = janitorStatements(options.retention, batchSize)
  const deleteAll = async (table: JanitorTable): Promise<number> => {
    let total = 0
    let deleted = batchSize
    while (deleted === batchSize && signal?.aborted !== true) {
      deleted = (await statements[table].execute(db)).rows.length
      total += deleted
    }
    return total
  }
  // Certificates go before the links of their orders are gone, and authorizations after them.
  return {
    used_nonces: await deleteAll('used_nonces'),
    rate_limit_buckets: await deleteAll('rate_limit_buckets'),
    certificates: await deleteAll('certificates'),
    issuance_intents: await deleteAll('issuance_intents'),
    orders: await deleteAll('orders'),
    authorizations: await deleteAll('authorizations'),
    audit_events: await deleteAll('audit_events'),
    replicas: await deleteAll('replicas'),
  }
}

/**
 * One batch for each table, returning one row for each row that went. Rows are found through an index on their expiry
 * and deleted by key: an array, since against a list of keys the planner might read the whole table.
 */
export function janitorStatements(retention: Retention, batchSize: number): Record<JanitorTable, RawBuilder<unknown>> {
  const before = (seconds: number) => sql`((select certctl_now()) - make_interval(secs => ${seconds}))`
  const batch = sql`limit ${batchSize}`
  return {
    used_nonces: sql`
      delete from used_nonces where nonce = any (array(
        select nonce from used_nonces where expires_at < ${before(retention.usedNonces)}
          order by expires_at ${batch} for update skip locked
      )) returning true`,

    rate_limit_buckets: idleBuckets(batchSize),

    // The order goes with its certificate, and with the order what was left of its issuance.
    certificates: sql`
      with ended as materialized (
        select id, order_id from certificates where not_after < ${before(retention.certificates)}
          order by not_after ${batch} for update skip locked
      ),
      orders_of_ended as (delete from orders where id = any (array(select order_id from ended)))
      delete from certificates where id = any (array(select id from ended)) returning true`,

    // Of an order with a certificate, which stays as long as that, only what was needed to issue it.
    issuance_intents: sql`
      with ended as materialized (
        select i.order_id from issuance_intents i join orders o on o.id = i.order_id
          where i.created_at < ${before(retention.endedOrders)} and o.certificate_id is not null
          order by i.created_at ${batch} for update of i skip locked
      ),
      links as (delete from order_authorizations where order_id = any (array(select order_id from ended)))
      delete from issuance_intents where order_id = any (array(select order_id from ended)) returning true`,

    // One that has begun to issue is not given up, however late it is.
    orders: sql`
      delete from orders where id = any (array(
        select id from orders o
          where certificate_id is null and expires_at < ${before(retention.endedOrders)}
            and not exists (select from issuance_intents i where i.order_id = o.id and i.leased_until is not null)
          order by expires_at ${batch} for update skip locked
      )) returning true`,

    authorizations: sql`
      delete from authorizations where id = any (array(
        select id from authorizations a
          where expires_at < ${before(retention.endedOrders)}
            and not exists (select from order_authorizations oa where oa.authorization_id = a.id)
          order by expires_at ${batch} for update skip locked
      )) returning true`,

    audit_events: sql`
      delete from audit_events where id = any (array(
        select id from audit_events where at < ${before(retention.auditEvents)}
          order by at ${batch} for update skip locked
      )) returning true`,

    replicas: sql`
      delete from replicas where id = any (array(
        select id from replicas where beat_at < ${before(retention.replicas)}
          order by beat_at ${batch} for update skip locked
      )) returning true`,
  }
}
