import { randomBytes } from 'node:crypto'
import { findForbiddenDnsNames } from '../../ca/index.ts'
import { createOrder, type NewAuthorization } from '../../store/orders.ts'
import { newId, type AuthorizationId, type ChallengeId, type OrderId } from '../../store/schema.ts'
import type { OrderView } from '../../store/views.ts'
import { assertWithinCeilings, ceilingsOver, withinCeilings } from '../ceilings.ts'
import { assertClientNetwork } from '../client-networks.ts'
import type { AcmeDeps } from '../deps.ts'
import { baseName, isWildcard } from '../dns-names.ts'
import { parseIdentifiers, throwFaults, type Identifier } from '../identifiers.ts'
import { leafValidityOf } from '../leaf-plan.ts'
import { challengeTypesFor, judgeIdentifiers } from '../name-policy.ts'
import type { NewOrderPayload } from '../payloads.ts'
import type { IssuancePolicy } from '../policy.ts'
import { problem, serviceUnavailable } from '../problems.ts'
import type { PinnedRevision, ServedProfile } from '../profiles.ts'
import type { Charge } from '../rate-limits/limiter.ts'
import { enforce, mergeRateLimits, newOrderCharge, tooManyPendingOrders } from '../rate-limits/limits.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest } from '../request.ts'
import { orderObject } from '../resources.ts'
import { deriveOrderStatus } from '../status.ts'

/** RFC 8555 section 7.4: policy first, then one statement that stores the order with its authorizations. */
export async function newOrder(deps: AcmeDeps, request: AccountRequest<NewOrderPayload, 'none'>): Promise<Reply> {
  const profile = await chooseProfile(deps, request)
  assertNotSuspended(profile)
  const identifiers = parseIdentifiers(request.payload.identifiers)
  judgeIdentifiers(identifiers, profile.policy)
  assertCertifiable(deps, profile, identifiers)
  const validity = requestedValidity(deps, profile, request)
  const limits = mergeRateLimits(deps.config.rateLimits, profile.policy.rateLimits)
  const charges = [newOrderCharge(limits, profile.id, request.account.id)]
  await enforce(deps.limiter, charges)
  const order = await store(deps, {
    request,
    profile,
    identifiers,
    validity,
    charges,
    pendingLimit: limits.pendingOrders,
  })
  return {
    status: 201,
    location: request.links.order(order.id),
    json: orderObject(order, request.links, request.now),
    resourceId: order.id,
  }
}

/** draft-ietf-acme-profiles section 4: the shared directory offers every profile, a profile's own offers itself. */
async function chooseProfile(deps: AcmeDeps, request: AccountRequest<NewOrderPayload, 'none'>): Promise<ServedProfile> {
  const { directory, payload } = request
  const wanted = payload.profile
  if (wanted === undefined || wanted === directory.profile.id) return directory.profile
  const profile = directory.key === 'default' ? await deps.profiles.find(wanted) : undefined
  if (!profile)
    throw problem.invalidProfile(
      `This directory has no profile "${wanted.slice(0, 128)}"; its meta.profiles names those it has.`,
    )
  assertClientNetwork(profile, request.clientAddress)
  return profile
}

/**
 * The profile of a revision that an order pinned, as it is served now: undefined once its object is gone, though another
 * may have its id. Refuses clients outside its networks, whose request may have come through the shared directory.
 */
export async function findPinnedProfile(
  deps: AcmeDeps,
  { profileId, profileUuid }: PinnedRevision,
  { clientAddress }: Pick<AccountRequest<unknown, 'none'>, 'clientAddress'>,
): Promise<ServedProfile | undefined> {
  const profile = await deps.profiles.find(profileId)
  if (profile?.uuid !== profileUuid) return undefined
  assertClientNetwork(profile, clientAddress)
  return profile
}

/** What the Issuer's ceilings or its CA's name constraints forbid is refused before anything is proven; issuing would refuse it at the end. */
function assertCertifiable({ issuers }: AcmeDeps, profile: ServedProfile, identifiers: readonly Identifier[]): void {
  const issuer = issuers.signing(profile.issuerId)
  if (!issuer) return
  assertWithinCeilings(ceilingsOver(profile, issuer), identifiers, profile.policy)
  const names = identifiers.map(({ value }) => value)
  throwFaults(
    findForbiddenDnsNames(names, issuer.ca.certificate).map((value) => ({
      type: 'rejectedIdentifier',
      detail: `The issuing CA may not certify ${value}: its name constraints forbid it.`,
      identifier: { type: 'dns', value },
    })),
  )
}

export function assertNotSuspended({ id, policy }: ServedProfile): void {
  if (policy.suspended)
    throw serviceUnavailable(`Profile ${id} is suspended by its administrator; nothing is issued for now.`, 300)
}

interface RequestedValidity {
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/**
 * What the order will show: the times the client asked for, already cut to what the profile grants. Clamping diverges
 * from section 7.4, which would have the server refuse: cert-manager takes a refusal as final.
 */
function requestedValidity(
  deps: AcmeDeps,
  profile: ServedProfile,
  { payload, now }: AccountRequest<NewOrderPayload, 'none'>,
): RequestedValidity {
  const { notBefore } = payload
  const notAfter = profile.policy.validity.clientNotAfter === 'Ignore' ? undefined : payload.notAfter
  if (!notBefore && !notAfter) return {}
  const issuer = deps.issuers.signing(profile.issuerId)
  if (!issuer) throw serviceUnavailable('The signing key of this profile is not available yet; try again soon.', 10)
  const policy = withinCeilings(ceilingsOver(profile, issuer), profile.policy)
  const granted = leafValidityOf(policy, { notBefore, notAfter, issuer: issuer.ca.certificate, now })
  if (granted.clamped && policy.validity.clientNotAfter === 'Reject') {
    throw problem.malformed(
      `The profile grants at most ${policy.validity.maxSeconds} seconds: ask for a time between now and ${granted.notAfter.toISOString()}, or leave notBefore and notAfter out.`,
    )
  }
  return { ...(notBefore && { notBefore: granted.notBefore }), ...(notAfter && { notAfter: granted.notAfter }) }
}

interface OrderToStore {
  readonly request: AccountRequest<NewOrderPayload, 'none'>
  readonly profile: ServedProfile
  readonly identifiers: readonly Identifier[]
  readonly validity: RequestedValidity
  readonly charges: readonly Charge[]
  readonly pendingLimit: number
}

async function store(
  deps: AcmeDeps,
  { request, profile, identifiers, validity, charges, pendingLimit }: OrderToStore,
): Promise<OrderView> {
  const { account, now } = request
  const order = {
    id: newId<OrderId>(),
    accountId: account.id,
    profileRevisionId: profile.revisionId,
    identifiers,
    ...validity,
    expiresAt: secondsAfter(now, profile.policy.orderLifetimeSeconds),
    authorizations: identifiers.map((identifier) => newAuthorization(identifier, profile.policy, now)),
  }
  const created = await createOrder(deps.db, { ...order, pendingLimit, actor: `acme:${account.id}` }).catch(
    async (error: unknown) => {
      await deps.limiter.refund(charges)
      throw error
    },
  )
  // Not given back: counting thousands of orders is the dearest answer there is, and this account may ask for it at will.
  if (created.outcome === 'too-many-pending') throw tooManyPendingOrders(pendingLimit)
  return { ...order, identifiers: [...identifiers], createdAt: now }
}

/** Where the profile trusts the account, an authorization is born valid and its challenges need no answer. */
function newAuthorization(identifier: Identifier, policy: IssuancePolicy, now: Date): NewAuthorization {
  return {
    id: newId<AuthorizationId>(),
    identifier: { ...identifier, value: baseName(identifier.value) },
    wildcard: isWildcard(identifier.value),
    status: policy.authMode === 'TrustAuthenticated' ? 'valid' : 'pending',
    expiresAt: secondsAfter(now, policy.authorizationLifetimeSeconds),
    challenges: challengeTypesFor(identifier.value, policy).map((type) => ({
      id: newId<ChallengeId>(),
      type,
      token: newToken(),
    })),
  }
}

/** Section 8.1 asks for 128 bits of entropy; twice that costs nothing. */
function newToken(): string {
  return randomBytes(32).toString('base64url')
}

function secondsAfter(now: Date, seconds: number): Date {
  return new Date(Math.floor(now.getTime() / 1000) * 1000 + seconds * 1000)
}

/** RFC 8555 section 7.1.3. */
export function getOrder(_deps: AcmeDeps, request: AccountRequest<undefined, 'order'>): Reply {
  return orderReply(request.resource, request)
}

/** Seconds until a client should look again at an order under way. */
const processingRetryAfterSeconds = 2

/** The order as its own URL answers it, `Retry-After` while it is being issued (section 7.4). */
export function orderReply(
  order: OrderView,
  { links, now }: Pick<AccountRequest<unknown, 'order'>, 'links' | 'now'>,
): Reply {
  const processing = deriveOrderStatus(order, now) === 'processing'
  return {
    status: 200,
    location: links.order(order.id),
    json: orderObject(order, links, now),
    resourceId: order.id,
    ...(processing && { retryAfterSeconds: processingRetryAfterSeconds }),
  }
}
