import { formatAddress, parseAddress } from '../ip-address.ts'
import type { RateLimit, RateLimits } from '../policy.ts'
import { problem, type AcmeProblem } from '../problems.ts'
import type { Charge, RateLimiter, RateLimitName } from './limiter.ts'

/**
 * The server's defaults. A ClusterIssuer is one account, so they lie far above a cluster that renews 5,000 certificates
 * at once behind one address: they are there for abuse, not for load, which is answered with 503.
 */
export const defaultRateLimits: RateLimits = {
  newAccountsPerAddress: perHour(500),
  newOrders: perHour(20_000),
  challengeResponses: perHour(40_000),
  failedValidations: perHour(60),
  keyChanges: perHour(60),
  pendingOrders: 10_000,
}

/** Promises the server's limits with those of the profile in their place. */
export function mergeRateLimits(defaults: RateLimits, profile: Partial<RateLimits>): RateLimits {
  return { ...defaults, ...profile }
}

/** Accounts made from one address in one directory. Asking for an existing account is free. */
export function newAccountCharge(limits: RateLimits, directory: string, address: string): Charge {
  return charge(limits, 'newAccountsPerAddress', [directory, addressRange(address)])
}

/** Orders of one account under one profile, whose limits may differ from those of another. */
export function newOrderCharge(limits: RateLimits, profileId: string, accountId: string): Charge {
  return charge(limits, 'newOrders', [profileId, accountId])
}

/** Challenge responses of one account under one profile, also repeated ones. */
export function challengeResponseCharge(limits: RateLimits, profileId: string, accountId: string): Charge {
  return charge(limits, 'challengeResponses', [profileId, accountId])
}

/** Key changes of one account, whatever the profile. */
export function keyChangeCharge(limits: RateLimits, accountId: string): Charge {
  return charge(limits, 'keyChanges', [accountId])
}

/** One validation of `identifier` that failed; charged when it has, whatever the verdict. */
export function failedValidationCharge(limits: RateLimits, accountId: string, identifier: string): Charge {
  return charge(limits, 'failedValidations', [accountId, identifier])
}

/** Asks, at no cost, whether `identifier` may fail once more; goes along with the charge of the challenge response. */
export function failedValidationCheck(limits: RateLimits, accountId: string, identifier: string): Charge {
  return { ...failedValidationCharge(limits, accountId, identifier), cost: 0 }
}

/** Takes the charges or throws `rateLimited`, which names the limit, its value, its window and when to come back. */
export async function enforce(limiter: RateLimiter, charges: readonly Charge[]): Promise<void> {
  const verdict = await limiter.charge(charges)
  if (!verdict.allowed) throw rateLimited(verdict.refusedBy, verdict.retryAfterSeconds)
}

/** The problem for an account that has `limit` unfinished orders already. */
export function tooManyPendingOrders(limit: number): AcmeProblem {
  return problem.rateLimited(
    `This account has reached its limit of ${limit} unfinished orders (pendingOrders); ` +
      'finalize some, deactivate their authorizations, or wait until they expire.',
    { retryAfterSeconds: 60 },
  )
}

const subjects: Record<RateLimitName, string> = {
  newAccountsPerAddress: 'new accounts from one address',
  newOrders: 'new orders by one account',
  challengeResponses: 'challenge responses by one account',
  failedValidations: 'failed validations of one identifier by one account',
  keyChanges: 'key changes of one account',
}

function rateLimited({ name, limit }: Charge, retryAfterSeconds: number): AcmeProblem {
  return problem.rateLimited(
    `Too many ${subjects[name]}: the limit is ${limit.limit} in ${inWords(limit.windowSeconds)} (${name}); ` +
      `retry after ${inWords(retryAfterSeconds)}.`,
    { retryAfterSeconds },
  )
}

function inWords(seconds: number): string {
  const units = [
    { name: 'hour', seconds: 3600 },
    { name: 'minute', seconds: 60 },
  ]
  const unit = units.find((each) => seconds >= each.seconds && seconds % each.seconds === 0)
  const amount = unit ? seconds / unit.seconds : seconds
  return `${amount} ${unit?.name ?? 'second'}${amount === 1 ? '' : 's'}`
}

function charge(limits: RateLimits, name: RateLimitName, owner: readonly string[]): Charge {
  return { name, key: [name, ...owner].join('/'), limit: limits[name], cost: 1 }
}

function perHour(limit: number): RateLimit {
  return { limit, windowSeconds: 3600 }
}

/** An IPv6 site is a /48 (RFC 6177), so that nobody escapes by using its other addresses; IPv4-mapped is IPv4. */
const ipv6SiteBits = 48

/** Promises the address, or its IPv6 site, in one spelling and without a zone. */
export function addressRange(address: string): string {
  const octets = parseAddress(address.replace(/%.*$/, ''))
  if (!octets) return address
  if (octets.length === 4) return formatAddress(octets)
  return `${formatAddress(octets.map((octet, index) => (index * 8 < ipv6SiteBits ? octet : 0)))}/${ipv6SiteBits}`
}
