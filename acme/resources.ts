import type { AuthorizationView, ChallengeSummary, OrderView } from '../store/views.ts'
import type { Links } from './links.ts'
import { deriveAuthorizationStatus, deriveOrderStatus } from './status.ts'

/** The objects that clients see, RFC 8555 section 7.1. A member without a value is omitted, never null. */

export interface AccountResource {
  readonly id: string
  readonly status: string
  readonly contacts: readonly string[]
  readonly termsAgreedAt: Date | null
}

export function accountObject(account: AccountResource, links: Links): object {
  return {
    status: account.status,
    ...(account.contacts.length > 0 && { contact: account.contacts }),
    ...(account.termsAgreedAt !== null && { termsOfServiceAgreed: true }),
    orders: links.orders(account.id),
  }
}

export function orderObject(order: OrderView, links: Links, now: Date): object {
  const status = deriveOrderStatus(order, now)
  return {
    status,
    expires: timestamp(order.expiresAt),
    identifiers: order.identifiers,
    ...(order.notBefore && { notBefore: timestamp(order.notBefore) }),
    ...(order.notAfter && { notAfter: timestamp(order.notAfter) }),
    ...(order.error && { error: order.error }),
    authorizations: order.authorizations.map(({ id }) => links.authorization(id)),
    finalize: links.finalize(order.id),
    ...(order.certificateId && { certificate: links.certificate(order.certificateId) }),
  }
}

export function authorizationObject(authorization: AuthorizationView, links: Links, now: Date): object {
  const status = deriveAuthorizationStatus(authorization, now)
  return {
    status,
    expires: timestamp(authorization.expiresAt),
    identifier: authorization.identifier,
    ...(authorization.wildcard && { wildcard: true }),
    challenges: challengesOf(authorization).map((challenge) => challengeObject(challenge, links)),
  }
}

/** Section 7.1.4: of a finished authorization only the challenges that finished it are shown. */
function challengesOf(authorization: AuthorizationView): readonly ChallengeSummary[] {
  const { status, challenges } = authorization
  if (status !== 'valid' && status !== 'invalid') return challenges
  const deciding = challenges.filter((challenge) => challenge.status === status)
  return deciding.length > 0 ? deciding : challenges
}

export function challengeObject(challenge: ChallengeSummary, links: Links): object {
  return {
    type: challenge.type,
    url: links.challenge(challenge.id),
    status: challenge.status,
    token: challenge.token,
    ...(challenge.validatedAt && { validated: timestamp(challenge.validatedAt) }),
    ...(challenge.error && { error: challenge.error }),
  }
}

/** RFC 3339 in whole seconds: some clients' parsers refuse fractions. */
function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}
