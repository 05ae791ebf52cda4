export interface ValidityRequest {
  readonly requestedNotBefore?: Date
  readonly requestedNotAfter?: Date
  readonly now: Date
  readonly defaultSeconds: number
  readonly maxSeconds: number
  readonly backdateSeconds: number
  readonly issuerNotBefore: Date
  readonly issuerNotAfter: Date
}

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
  /** Policy or issuer granted less than what was asked for (or, where nothing was, than the default). */
  readonly clamped: boolean
}

/**
 * When a leaf is to be valid, in whole seconds. 'validity-impossible' where nothing of what was asked for can be
 * granted, 'validity-outside-issuer' where the issuer itself isn't valid then.
 */
export function leafValidity(request: ValidityRequest): Validity {
  throw new Error(`not built yet: ${request.now.getTime()}`)
}
