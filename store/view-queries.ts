import { type RawBuilder, sql } from 'kysely'
import type {
  AccountId,
  AuthorizationId,
  AuthorizationStatus,
  CertificateId,
  ChallengeId,
  ChallengeStatus,
  ChallengeType,
  Identifier,
  OrderId,
  StoredProblem,
} from './schema.ts'
import type {
  AuthorizationView,
  CertificateView,
  ChallengeSummary,
  ChallengeView,
  OrderAuthorizationView,
  OrderView,
  OwnedAuthorizationView,
} from './views.ts'

/*
 * A view is one JSON value made by the database, so that it can ride along in any statement. Each has a SQL expression
 * over a row of its table (`o`, `a`, `c`, `k`), the JSON's type, and a reader that gives the dates and octets back
 * their types.
 */

interface OrderAuthorizationJson {
  id: AuthorizationId
  identifier: Identifier
  wildcard: boolean
  status: AuthorizationStatus
  expires_at: string
}

export interface OrderJson {
  id: OrderId
  account_id: AccountId
  profile_revision_id: string
  identifiers: Identifier[]
  not_before: string | null
  not_after: string | null
  created_at: string
  expires_at: string
  error: StoredProblem | null
  processing_since: string | null
  csr_sha256: string | null
  certificate_id: CertificateId | null
  authorizations: OrderAuthorizationJson[]
}

interface ChallengeSummaryJson {
  id: ChallengeId
  type: ChallengeType
  token: string
  status: ChallengeStatus
  error: StoredProblem | null
  validated_at: string | null
}

interface OwnedAuthorizationJson extends OrderAuthorizationJson {
  account_id: AccountId
  profile_revision_id: string
  validated_at: string | null
}

export interface AuthorizationJson extends OwnedAuthorizationJson {
  challenges: ChallengeSummaryJson[]
}

export interface ChallengeJson extends ChallengeSummaryJson {
  attempts: number
  responded_at: string | null
  authorization: OwnedAuthorizationJson
}

export interface CertificateJson {
  id: CertificateId
  order_id: OrderId
  account_id: AccountId
  profile_revision_id: string
  issuer_certificate_id: string
  serial_number: string
  der: string
  not_before: string
  not_after: string
  created_at: string
  revoked_at: string | null
  revocation_reason: number | null
}

const authorizationMembers = sql`
  'id', a.id, 'identifier', json_build_object('type', a.identifier_type, 'value', a.identifier_value),
  'wildcard', a.wildcard, 'status', a.status, 'expires_at', a.expires_at`

const ownedAuthorizationMembers = sql`${authorizationMembers},
  'account_id', a.account_id, 'profile_revision_id', a.profile_revision_id, 'validated_at', a.validated_at`

const challengeMembers = sql`
  'id', c.id, 'type', c.type, 'token', c.token, 'status', c.status, 'error', c.error, 'validated_at', c.validated_at`

/** Over a row `o` of orders left joined with `i` of issuance_intents. */
const orderObject: RawBuilder<OrderJson> = sql`json_build_object(
  'id', o.id, 'account_id', o.account_id, 'profile_revision_id', o.profile_revision_id, 'identifiers', o.identifiers,
  'not_before', o.not_before, 'not_after', o.not_after, 'created_at', o.created_at, 'expires_at', o.expires_at,
  'error', o.error, 'certificate_id', o.certificate_id, 'processing_since', i.created_at, 'csr_sha256', i.csr_sha256,
  'authorizations', (
    select coalesce(
        json_agg(json_build_object(${authorizationMembers}) order by a.identifier_value, a.wildcard), '[]'::json)
      from order_authorizations oa join authorizations a on a.id = oa.authorization_id
      where oa.order_id = o.id
  ))`

/** Over a row `a` of authorizations. */
const authorizationObject: RawBuilder<AuthorizationJson> = sql`json_build_object(${ownedAuthorizationMembers},
  'challenges', (
    select coalesce(json_agg(json_build_object(${challengeMembers}) order by c.type), '[]'::json)
      from challenges c where c.authorization_id = a.id
  ))`

/** Over rows `c` of challenges and `a` of authorizations. */
export const challengeObject: RawBuilder<ChallengeJson> = sql`json_build_object(${challengeMembers},
  'attempts', c.attempts, 'responded_at', c.responded_at,
  'authorization', json_build_object(${ownedAuthorizationMembers}))`

/** Over a row `k` of certificates. */
export const certificateObject: RawBuilder<CertificateJson> = sql`json_build_object(
  'id', k.id, 'order_id', k.order_id, 'account_id', k.account_id, 'profile_revision_id', k.profile_revision_id,
  'issuer_certificate_id', k.issuer_certificate_id, 'serial_number', encode(k.serial_number, 'base64'),
  'der', encode(k.der, 'base64'), 'not_before', k.not_before, 'not_after', k.not_after, 'created_at', k.created_at,
  'revoked_at', k.revoked_at, 'revocation_reason', k.revocation_reason)`

/** What an object must be to be read: of this id, and of this account. */
export interface OwnedObject {
  id: string | RawBuilder<unknown>
  accountId: AccountId | RawBuilder<unknown>
}

export function selectOrder({ id, accountId }: OwnedObject): RawBuilder<{ view: OrderJson }> {
  return sql`select ${orderObject} as view from orders o left join issuance_intents i on i.order_id = o.id
    where o.id = ${id} and o.account_id = ${accountId}`
}

export function selectAuthorization({ id, accountId }: OwnedObject): RawBuilder<{ view: AuthorizationJson }> {
  return sql`select ${authorizationObject} as view from authorizations a
    where a.id = ${id} and a.account_id = ${accountId}`
}

export function selectChallenge({ id, accountId }: OwnedObject): RawBuilder<{ view: ChallengeJson }> {
  return sql`select ${challengeObject} as view from challenges c join authorizations a on a.id = c.authorization_id
    where c.id = ${id} and a.account_id = ${accountId}`
}

export function selectCertificate({ id, accountId }: OwnedObject): RawBuilder<{ view: CertificateJson }> {
  return sql`select ${certificateObject} as view from certificates k where k.id = ${id} and k.account_id = ${accountId}`
}

export function readOrder(json: OrderJson): OrderView {
  return {
    id: json.id,
    accountId: json.account_id,
    profileRevisionId: json.profile_revision_id,
    identifiers: json.identifiers,
    createdAt: new Date(json.created_at),
    expiresAt: new Date(json.expires_at),
    ...(json.not_before !== null && { notBefore: new Date(json.not_before) }),
    ...(json.not_after !== null && { notAfter: new Date(json.not_after) }),
    ...(json.error !== null && { error: json.error }),
    ...(json.processing_since !== null && { processingSince: new Date(json.processing_since) }),
    ...(json.csr_sha256 !== null && { csrSha256: Buffer.from(json.csr_sha256.slice('\\x'.length), 'hex') }),
    ...(json.certificate_id !== null && { certificateId: json.certificate_id }),
    authorizations: json.authorizations.map(readOrderAuthorization),
  }
}

export function readAuthorization(json: AuthorizationJson): AuthorizationView {
  return { ...readOwnedAuthorization(json), challenges: json.challenges.map(readChallengeSummary) }
}

export function readChallenge(json: ChallengeJson): ChallengeView {
  return {
    ...readChallengeSummary(json),
    attempts: json.attempts,
    ...(json.responded_at !== null && { respondedAt: new Date(json.responded_at) }),
    authorization: readOwnedAuthorization(json.authorization),
  }
}

export function readCertificate(json: CertificateJson): CertificateView {
  return {
    id: json.id,
    orderId: json.order_id,
    accountId: json.account_id,
    profileRevisionId: json.profile_revision_id,
    issuerCertificateId: json.issuer_certificate_id,
    serialNumber: Buffer.from(json.serial_number, 'base64'),
    der: Buffer.from(json.der, 'base64'),
    notBefore: new Date(json.not_before),
    notAfter: new Date(json.not_after),
    createdAt: new Date(json.created_at),
    ...(json.revoked_at !== null && { revokedAt: new Date(json.revoked_at) }),
    ...(json.revocation_reason !== null && { revocationReason: json.revocation_reason }),
  }
}

function readOrderAuthorization(json: OrderAuthorizationJson): OrderAuthorizationView {
  return {
    id: json.id,
    identifier: json.identifier,
    wildcard: json.wildcard,
    status: json.status,
    expiresAt: new Date(json.expires_at),
  }
}

function readOwnedAuthorization(json: OwnedAuthorizationJson): OwnedAuthorizationView {
  return {
    ...readOrderAuthorization(json),
    accountId: json.account_id,
    profileRevisionId: json.profile_revision_id,
    ...(json.validated_at !== null && { validatedAt: new Date(json.validated_at) }),
  }
}

function readChallengeSummary(json: ChallengeSummaryJson): ChallengeSummary {
  return {
    id: json.id,
    type: json.type,
    token: json.token,
    status: json.status,
    ...(json.error !== null && { error: json.error }),
    ...(json.validated_at !== null && { validatedAt: new Date(json.validated_at) }),
  }
}
