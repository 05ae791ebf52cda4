/** Statuses of RFC 8555 section 7.1.6: which changes are possible, and how an order's status follows from facts. */

import type {
  AccountStatus,
  AuthorizationStatus as StoredAuthorizationStatus,
  ChallengeStatus,
} from '../store/schema.ts'

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'
/** `expired` is never stored: it follows from `expiresAt`. */
export type AuthorizationStatus = StoredAuthorizationStatus | 'expired'

export const accountTransitions = {
  valid: ['deactivated', 'revoked'],
  deactivated: [],
  revoked: [],
} as const satisfies Record<AccountStatus, readonly AccountStatus[]>

export const orderTransitions = {
  pending: ['ready', 'invalid'],
  ready: ['processing', 'invalid'],
  processing: ['valid', 'invalid'],
  valid: [],
  invalid: [],
} as const satisfies Record<OrderStatus, readonly OrderStatus[]>

/**
 * Section 7.1.6 draws deactivation from `valid` only; section 7.5.2 lets a client deactivate any authorization it
 * holds, and clients give up pending ones that way, so `pending` may be deactivated too.
 */
export const authorizationTransitions = {
  pending: ['valid', 'invalid', 'expired', 'deactivated'],
  valid: ['expired', 'deactivated', 'revoked'],
  invalid: [],
  expired: [],
  deactivated: [],
  revoked: [],
} as const satisfies Record<AuthorizationStatus, readonly AuthorizationStatus[]>

export const challengeTransitions = {
  pending: ['processing'],
  processing: ['valid', 'invalid'],
  valid: [],
  invalid: [],
} as const satisfies Record<ChallengeStatus, readonly ChallengeStatus[]>

/** The facts of an authorization that its status, and its orders' status, follow from. */
export interface AuthorizationFacts {
  readonly status: StoredAuthorizationStatus
  readonly expiresAt: Date
}

/** The facts of an order that its status follows from. */
export interface OrderFacts {
  readonly expiresAt: Date
  readonly error?: object
  readonly processingSince?: Date
  readonly certificateId?: string
  /** May have been pruned from an order long ended: no authorization never means `ready`. */
  readonly authorizations: readonly AuthorizationFacts[]
}

/** Promises the status a client is told: a pending or valid authorization past its expiry is `expired`. */
export function deriveAuthorizationStatus(authorization: AuthorizationFacts, now: Date): AuthorizationStatus {
  const mayExpire = authorization.status === 'pending' || authorization.status === 'valid'
  return mayExpire && authorization.expiresAt <= now ? 'expired' : authorization.status
}

/**
 * Promises the order's status at `now`. Final facts come first: a certificate means `valid` and an error `invalid`,
 * whatever becomes of the authorizations afterwards; issuance that has begun outranks expiry.
 */
export function deriveOrderStatus(order: OrderFacts, now: Date): OrderStatus {
  if (order.certificateId !== undefined) return 'valid'
  if (order.error !== undefined) return 'invalid'
  if (order.processingSince !== undefined) return 'processing'
  if (order.expiresAt <= now || order.authorizations.length === 0) return 'invalid'
  const statuses = order.authorizations.map((authorization) => deriveAuthorizationStatus(authorization, now))
  if (statuses.every((status) => status === 'valid')) return 'ready'
  return statuses.every((status) => status === 'valid' || status === 'pending') ? 'pending' : 'invalid'
}
