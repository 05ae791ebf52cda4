import type { ChallengeType } from '../policy.ts'

/** One challenge to prove, with what the profile says about reaching the client's network. */
export interface ValidationRequest {
  readonly type: ChallengeType
  /** The name without `*.`: a wildcard is proven by its base (RFC 8555 section 7.1.4). */
  readonly identifier: { readonly type: 'dns' | 'ip'; readonly value: string }
  readonly token: string
  readonly keyAuthorization: string
  readonly policy: {
    /** Addresses with port of the DNS servers to ask; empty: the server's own setting. */
    readonly resolvers: readonly string[]
    /** CIDRs of private or special networks that may be connected to. */
    readonly allowedNetworks: readonly string[]
  }
}

/** RFC 8555 section 6.7, as far as validation uses it. */
export type ValidationProblemType =
  'connection' | 'dns' | 'incorrectResponse' | 'unauthorized' | 'tls' | 'rejectedIdentifier'

export interface ValidationProblem {
  readonly type: ValidationProblemType
  /** For the person running the client. Never holds anything the validated host or a redirect sent. */
  readonly detail: string
}

export type ValidationOutcome =
  | { readonly ok: true }
  /** `retry` is false where trying again cannot help, such as an address that the policy refuses. */
  | { readonly ok: false; readonly problem: ValidationProblem; readonly retry: boolean }

/** How every step of a validation says no; `createValidator` turns it into an outcome. */
export class ValidationFailure extends Error {
  readonly problem: ValidationProblem
  readonly retry: boolean

  constructor(type: ValidationProblemType, detail: string, options: { retry?: boolean; cause?: unknown } = {}) {
    super(detail, { cause: options.cause })
    this.name = 'ValidationFailure'
    this.problem = { type, detail }
    this.retry = options.retry ?? true
  }
}
