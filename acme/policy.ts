import type { ExtendedKeyUsage, KeyPolicy, KeyUsage } from '../ca/index.ts'

export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01'

/** Whether an account proves each name or is trusted with those that the profile allows. */
export type AuthMode = 'TrustAuthenticated' | 'Challenge'

/** `limit` at once, refilled evenly over the window. */
export interface RateLimit {
  readonly limit: number
  readonly windowSeconds: number
}

/** The limits of one server or profile; which action each bounds is written in `rate-limits/limits.ts`. */
export interface RateLimits {
  readonly newAccountsPerAddress: RateLimit
  readonly newOrders: RateLimit
  readonly challengeResponses: RateLimit
  readonly failedValidations: RateLimit
  readonly keyChanges: RateLimit
  /** An exact count of unfinished orders of one account, not a rate. */
  readonly pendingOrders: number
}

/**
 * Which DNS names may be issued. A pattern is `example.com` (itself), `*.example.com` (exactly one label below) or
 * `**.example.com` (any depth below, not itself); lower case, A-labels.
 */
export interface DnsNameRules {
  /** Empty means none under `TrustAuthenticated`, and whatever the client proves under `Challenge`. */
  readonly allowed: readonly string[]
  /** Goes before `allowed`; a wildcard that would cover a denied name is denied too. */
  readonly denied: readonly string[]
  readonly wildcards: boolean
  /** Identifiers in one order. */
  readonly max: number
}

/**
 * What one revision of a profile says, as plain JSON: compiled from the CertificateProfile, stored with the revision
 * and never changed, since orders in flight are bound to it.
 */
export interface IssuancePolicy {
  readonly authMode: AuthMode
  /** Offered in this order. */
  readonly challengeTypes: readonly ChallengeType[]
  readonly registration: 'Open' | 'ExternalAccount' | 'ClientNetworks'
  /** CIDRs, checked on every signed request; empty means anyone. */
  readonly clientNetworks: readonly string[]
  /** `dns` absent reads as empty rules without wildcards. */
  readonly identifiers: { readonly dns?: DnsNameRules }
  readonly validity: {
    readonly defaultSeconds: number
    readonly maxSeconds: number
    readonly backdateSeconds: number
    /** What becomes of a requested notAfter beyond the maximum. `Clamp` diverges from RFC 8555 section 7.4. */
    readonly clientNotAfter: 'Clamp' | 'Reject' | 'Ignore'
  }
  readonly keyPolicy: KeyPolicy
  readonly keyUsages: readonly KeyUsage[]
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[]
  readonly subject: { readonly commonName: 'Forbid' | 'FromFirstDNS'; readonly organization?: readonly string[] }
  readonly orderLifetimeSeconds: number
  readonly authorizationLifetimeSeconds: number
  /** An absent limit is the server's default. */
  readonly rateLimits: Partial<RateLimits>
  readonly validation: { readonly resolvers: readonly string[]; readonly allowedNetworks: readonly string[] }
  readonly meta: {
    readonly termsOfService?: string
    readonly website?: string
    readonly caaIdentities?: readonly string[]
  }
  /** Nothing is issued while set; what was issued stays downloadable and revocable. */
  readonly suspended: boolean
}

/** What an Issuer lets profiles of other namespaces do at most. What is absent is not bounded. */
export interface IssuerCeilings {
  /** Patterns as in `DnsNameRules`; every name must be one of theirs. */
  readonly dns?: readonly string[]
  readonly authModes?: readonly AuthMode[]
  readonly maxValiditySeconds?: number
}
