/** Where the time comes from. Everything but leases, nonces and rate limits (which live by the database's time) asks this. */
export interface Clock {
  now(): Date
}

/** The one place that reads the machine's clock. */
export const systemClock: Clock = { now: () => new Date() }
