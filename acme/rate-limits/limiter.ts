import type { RateLimit } from '../policy.ts'

/** What a limit counts. */
export type RateLimitName =
  'newAccountsPerAddress' | 'newOrders' | 'challengeResponses' | 'failedValidations' | 'keyChanges'

/** One bucket's share of an action. */
export interface Charge {
  readonly name: RateLimitName
  /** Whose bucket: unique over all limits, stable over restarts. */
  readonly key: string
  readonly limit: RateLimit
  /** Units to take; 0 takes none and only asks whether one is left. */
  readonly cost: number
}

export type Verdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly refusedBy: Charge; readonly retryAfterSeconds: number }

/** Counts actions. May be called concurrently; the charges of one call are of different buckets. */
export interface RateLimiter {
  /** Takes every charge, or none when one bucket lacks room. Throws what its storage throws. */
  charge(charges: readonly Charge[]): Promise<Verdict>
  /** Gives back what `charge` took, for an action that came to nothing; never beyond a full bucket. */
  refund(charges: readonly Charge[]): Promise<void>
  /** Forgets buckets that are full again; returns how many. */
  deleteIdle(): Promise<number>
}

/**
 * A charge as the generic cell rate algorithm sees it. A bucket is one time, the theoretical arrival time (TAT): the
 * moment it will be full again. A charge moves it by `cost` emission intervals and is refused where that would carry it
 * more than `burst` intervals beyond now.
 */
export interface GcraCharge {
  readonly key: string
  /** Whole microseconds, Postgres' own resolution, so that a burst is exactly its sum. */
  readonly emissionIntervalUs: number
  readonly burst: number
  readonly cost: number
}

/** Promises the burst `limit`, refilled evenly over the window. Asking whether one unit is left needs room for it. */
export function toGcra({ key, limit: { limit, windowSeconds }, cost }: Charge): GcraCharge {
  const emissionIntervalUs = Math.max(1, Math.round((windowSeconds * 1e6) / Math.max(1, limit)))
  return { key, emissionIntervalUs, burst: cost === 0 ? limit - 1 : limit, cost }
}
