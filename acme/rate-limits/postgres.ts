import type { Db } from '../../store/database.ts'
import { chargeBuckets, deleteIdleBuckets, refundBuckets } from '../../store/rate-limits.ts'
import { toGcra, type Charge, type RateLimiter } from './limiter.ts'

const batchSize = 1000

/** Promises exact limits over all processes that share the database, by the database's clock. */
export function createPostgresRateLimiter(db: Db): RateLimiter {
  return {
    async charge(charges) {
      if (charges.length === 0) return { allowed: true }
      const result = await chargeBuckets(db, charges.map(toBucket))
      if (result.allowed) return result
      const refusedBy = charges.find((charge) => charge.key === result.key)
      if (!refusedBy) throw new TypeError(`the store refused by a bucket that was not charged: ${result.key}`)
      return { allowed: false, refusedBy, retryAfterSeconds: Math.ceil(result.retryAfterMs / 1000) }
    },

    async refund(charges) {
      if (charges.length > 0) await refundBuckets(db, charges.map(toBucket))
    },

    async deleteIdle() {
      let deleted = 0
      // Small batches, so that no statement holds many buckets that requests are waiting for.
      for (;;) {
        const batch = await deleteIdleBuckets(db, batchSize)
        deleted += batch
        if (batch < batchSize) return deleted
      }
    },
  }
}

function toBucket(charge: Charge) {
  const { key, emissionIntervalUs, burst, cost } = toGcra(charge)
  return { key, emissionIntervalMs: emissionIntervalUs / 1000, burst, cost }
}
