import { type RawBuilder, sql } from 'kysely'
import type { Db } from './database.ts'
import { statement } from './statement.ts'

/** One limit as GCRA: `burst` at once, one more every `emissionIntervalMs`. */
export interface Bucket {
  key: string
  emissionIntervalMs: number
  burst: number
  /** How many this takes, at most `burst`; 0 asks whether there is room, and makes no bucket. */
  cost: number
}

export type ChargeResult = { allowed: true } | { allowed: false; key: string; retryAfterMs: number }

/**
 * Charges every bucket, or none and names the first that refuses, in the order of keys, and when to come back. No key
 * may occur twice. Exact over all processes that share the database, by its clock, and as cheap for a large limit as
 * for a small one.
 */
export async function chargeBuckets(db: Db, buckets: readonly Bucket[]): Promise<ChargeResult> {
  const rows = await charge(db, bucketColumns(buckets))
  const refusal = rows[0]
  if (refusal === undefined) return { allowed: true }
  return { allowed: false, key: refusal.refused_key, retryAfterMs: Math.ceil(refusal.retry_after_us / 1000) }
}

const charge = statement<BucketColumns, { refused_key: string; retry_after_us: number }>(
  (value) => sql`
    select refused_key, retry_after_us
      from certctl_charge_buckets(
        ${value('keys')}::text[], ${value('intervals')}::bigint[], ${value('bursts')}::integer[],
        ${value('costs')}::integer[]
      )`,
)

/** Gives back what a charge took that turned out not to count. */
export async function refundBuckets(db: Db, buckets: readonly Bucket[]): Promise<void> {
  const { keys, intervals, costs } = bucketColumns(buckets)
  await sql`select certctl_refund_buckets(${keys}::text[], ${intervals}::bigint[], ${costs}::integer[])`.execute(db)
}

/** Deletes one batch of buckets that are full again, which no charge can tell from missing ones. Returns how many. */
export async function deleteIdleBuckets(db: Db, batchSize = 1_000): Promise<number> {
  return (await idleBuckets(batchSize).execute(db)).rows.length
}

/** The statement that deletes one batch of idle buckets. */
export function idleBuckets(batchSize: number): RawBuilder<unknown> {
  return sql`
    delete from rate_limit_buckets where key = any (array(
      select key from rate_limit_buckets where idle_after < (select certctl_now())
        order by idle_after limit ${batchSize} for update skip locked
    )) returning true`
}

interface BucketColumns {
  keys: string[]
  intervals: number[]
  bursts: number[]
  costs: number[]
}

/** Sorted by key, the order in which everybody locks them; whole microseconds keep the arithmetic exact. */
function bucketColumns(buckets: readonly Bucket[]): BucketColumns {
  const sorted = buckets.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  return {
    keys: sorted.map(({ key }) => key),
    intervals: sorted.map(({ emissionIntervalMs }) => Math.max(1, Math.round(emissionIntervalMs * 1000))),
    bursts: sorted.map(({ burst }) => burst),
    costs: sorted.map(({ cost }) => cost),
  }
}
