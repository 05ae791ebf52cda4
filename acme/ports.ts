import type { IssuingCa } from '../ca/index.ts'
import type { ChallengeType, IssuerCeilings, RateLimits } from './policy.ts'

/** Where the time comes from. */
export interface Clock {
  now(): Date
}

/** Structured logging, pino's shape. Keys, tokens, secrets and CSRs are never among the fields. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger that adds these fields to every line. */
  child(fields: object): Log
}

/** An issuer's current generation, able to sign. */
export interface SigningIssuer {
  /** Where the Issuer is: profiles of other namespaces are held to its ceilings. */
  readonly namespace: string
  readonly ceilings?: IssuerCeilings
  readonly issuerCertificateId: string
  readonly ca: IssuingCa
  /** Where its certificate is published, for caIssuers (RFC 5280 section 4.2.2.1); absent when it is not. */
  readonly caIssuersUrl?: string
}

/** Called at the labelled steps of issuance and validation, so that a crash test can stop the process there. */
export type Checkpoint = (label: string) => void | Promise<void>

/** The issuers whose key this process holds. Answers from memory, so it may be asked on every request. */
export interface IssuerLookup {
  /** The generation that signs now; undefined while the key is not loaded, which clients see as 503. */
  signing(issuerId: string): SigningIssuer | undefined
  /** A generation that an issuance began with, whether or not it still signs. */
  generation(issuerCertificateId: string): IssuingCa | undefined
}

/** What the server counts. Calls never throw and never wait. */
export interface AcmeMetrics {
  request(endpoint: string, status: number): void
  problem(type: string): void
  validation(type: ChallengeType, result: 'valid' | 'invalid' | 'retry', seconds: number): void
  orderToValid(seconds: number): void
  signing(seconds: number): void
}

/** The server's settings, which a profile's policy overrides where both speak of the same thing. */
export interface AcmeConfig {
  /** Base URLs without a slash at the end; the Host header selects among them, the first is the default. */
  readonly externalUrls: readonly [string, ...string[]]
  readonly defaultProfileId?: string
  /** CIDRs of the proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly nonceTtlSeconds: number
  readonly rateLimits: RateLimits
}
