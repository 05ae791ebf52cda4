import type { Clock } from '../ports.ts'
import { toGcra, type GcraCharge, type RateLimiter } from './limiter.ts'

/** Promises exact limits within this process, which is all of them while it is the only replica. */
export function createMemoryRateLimiter(clock: Clock): RateLimiter {
  /** The TAT of every bucket in use, in microseconds since 1970. */
  const arrivals = new Map<string, number>()
  const nowUs = () => clock.now().getTime() * 1000

  function arrivalAfter({ key, cost, emissionIntervalUs }: GcraCharge, now: number): number {
    return Math.max(arrivals.get(key) ?? now, now) + cost * emissionIntervalUs
  }

  function waitUs(charge: GcraCharge, now: number): number {
    return arrivalAfter(charge, now) - now - charge.burst * charge.emissionIntervalUs
  }

  return {
    async charge(charges) {
      const now = nowUs()
      for (const refusedBy of charges) {
        const wait = waitUs(toGcra(refusedBy), now)
        if (wait > 0) return { allowed: false, refusedBy, retryAfterSeconds: Math.ceil(wait / 1e6) }
      }
      for (const charge of charges.map(toGcra)) {
        if (charge.cost > 0) arrivals.set(charge.key, arrivalAfter(charge, now))
      }
      return { allowed: true }
    },

    async refund(charges) {
      for (const { key, cost, emissionIntervalUs } of charges.map(toGcra)) {
        const arrival = arrivals.get(key)
        if (arrival !== undefined) arrivals.set(key, arrival - cost * emissionIntervalUs)
      }
    },

    async deleteIdle() {
      const now = nowUs()
      const before = arrivals.size
      for (const [key, arrival] of arrivals) if (arrival <= now) arrivals.delete(key)
      return before - arrivals.size
    },
  }
}
