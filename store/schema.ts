import { randomBytes } from 'node:crypto'
import type { ColumnType, Generated, Selectable } from 'kysely'

declare const idKind: unique symbol

/** A string that the compiler refuses to confuse with the id of another kind of object. */
type Id<Kind extends string> = string & { readonly [idKind]: Kind }

export type AccountId = Id<'account'>
export type OrderId = Id<'order'>
export type AuthorizationId = Id<'authorization'>
export type ChallengeId = Id<'challenge'>
export type CertificateId = Id<'certificate'>

/** A fresh random id of 128 bits, in base64url: it names one object and tells nothing about any other. */
export function newId<T extends AccountId | OrderId | AuthorizationId | ChallengeId | CertificateId>(): T {
  // The one place where a plain string becomes an id; ids out of a URL are branded where the URL is parsed.
  return randomBytes(16).toString('base64url') as T
}

/**
 * The tables as kysely sees them. They hold facts; what RFC 8555 calls the status of an order is derived
 * from facts and the time (acme/status.ts).
 */
export interface Database {
  accounts: AccountsTable
  audit_events: AuditEventsTable
  authorizations: AuthorizationsTable
  certificates: CertificatesTable
  challenges: ChallengesTable
  controller_epoch: ControllerEpochTable
  issuance_intents: IssuanceIntentsTable
  issuer_certificates: IssuerCertificatesTable
  issuers: IssuersTable
  nonce_epoch: NonceEpochTable
  order_authorizations: OrderAuthorizationsTable
  orders: OrdersTable
  profile_revisions: ProfileRevisionsTable
  profiles: ProfilesTable
  rate_limit_buckets: RateLimitBucketsTable
  replicas: ReplicasTable
  server_keys: ServerKeysTable
  snapshot_version: SnapshotVersionTable
  used_nonces: UsedNoncesTable
}

/** Set by the database when the row is made, by its own clock. */
type CreatedAt = ColumnType<Date, never, never>
/** Handed in as JSON text, since pg would take an array for a Postgres array. */
type Json<T> = ColumnType<T, string, string>
/** The number of the last change of the row, which a trigger takes from snapshot_version when the change is committed. */
type SnapshotVersion = ColumnType<number, never, never>

export type AccountStatus = 'valid' | 'deactivated' | 'revoked'
export type AuthorizationStatus = 'pending' | 'valid' | 'invalid' | 'deactivated' | 'revoked'
export type ChallengeStatus = 'pending' | 'processing' | 'valid' | 'invalid'
export type ChallengeType = 'http-01' | 'dns-01' | 'tls-alpn-01'
export type IdentifierType = 'dns' | 'ip'

export interface Identifier {
  type: IdentifierType
  value: string
}

/** An RFC 7807 document as it was stored: challenge and order errors are shown to the client as they are. */
export type StoredProblem = Readonly<Record<string, unknown>>

/** A public key as RFC 7517 writes it, required members only. */
export type StoredJwk = Readonly<Record<string, string>>

interface IssuersTable {
  id: Generated<string>
  namespace: string
  name: string
  /** The Kubernetes uid, or what a standalone server uses in its place: a name used again is another issuer. */
  uid: string
  type: string
  spec_hash: string
  generation: number
  retired_at: Date | null
  /** The Secret in the issuer's namespace that has its key; null where the key is elsewhere. */
  key_secret: string | null
  /** Nothing is signed while set. */
  suspended: Generated<boolean>
  /** What a profile of another namespace can't exceed. */
  ceilings: Json<unknown> | null
  /** The generation that signs, of this issuer. */
  signing_certificate_id: string | null
  version: SnapshotVersion
}

interface IssuerCertificatesTable {
  id: Generated<string>
  issuer_id: string
  generation: number
  certificate_der: Uint8Array
  /** The issuer first, up to but without a self-signed root. */
  chain_pem: string
  root_pem: string
  subject_key_id: Uint8Array
  serial_number: Uint8Array
  not_before: Date
  not_after: Date
  created_at: CreatedAt
  retired_at: Date | null
}

interface ProfilesTable {
  id: Generated<string>
  /** The id in URLs; unique among the profiles that are not retired. */
  profile_id: string
  namespace: string
  name: string
  uid: string
  issuer_id: string
  current_revision_id: string | null
  generation: number
  retired_at: Date | null
  version: SnapshotVersion
}

/** Insert-only: an order keeps the revision it began with. */
interface ProfileRevisionsTable {
  id: Generated<string>
  profile_uuid: string
  revision: number
  policy: Json<unknown>
  policy_hash: string
  created_at: CreatedAt
}

interface AccountsTable {
  id: AccountId
  /** Which directory the account belongs to: a profile's uuid, or `default`. */
  directory: string
  jwk: Json<StoredJwk>
  jwk_thumbprint: string
  /** Counts the keys the account has had, so that a cached key can be told from the current one. */
  key_version: Generated<number>
  status: Generated<AccountStatus>
  contacts: string[]
  terms_agreed_at: Date | null
  created_at: CreatedAt
  created_from: string | null
}

interface OrdersTable {
  id: OrderId
  account_id: AccountId
  profile_revision_id: string
  identifiers: Json<Identifier[]>
  /** As it will be issued, where the client asked for one. */
  not_before: Date | null
  not_after: Date | null
  created_at: CreatedAt
  expires_at: Date
  /** Final: an order has an error or a certificate, never both. */
  error: Json<StoredProblem> | null
  certificate_id: CertificateId | null
}

interface AuthorizationsTable {
  id: AuthorizationId
  account_id: AccountId
  /** Under whose policy the identifier was, or will be, validated. */
  profile_revision_id: string
  identifier_type: IdentifierType
  /** Without the `*.` of a wildcard, which is a column of its own (RFC 8555 section 7.1.4). */
  identifier_value: string
  wildcard: boolean
  status: AuthorizationStatus
  expires_at: Date
  created_at: CreatedAt
  validated_at: Date | null
}

interface OrderAuthorizationsTable {
  order_id: OrderId
  authorization_id: AuthorizationId
}

interface ChallengesTable {
  id: ChallengeId
  authorization_id: AuthorizationId
  type: ChallengeType
  status: ChallengeStatus
  token: string
  /** How often validation was begun. */
  attempts: number
  responded_at: Date | null
  validated_at: Date | null
  /** When an unleased challenge in `processing` is due. */
  next_attempt_at: Date | null
  /** Set together with locked_until; cleared by the owner, overwritten by who takes over an expired lease. */
  locked_by: string | null
  locked_until: Date | null
  error: Json<StoredProblem> | null
}

/** What will be signed for an order: recorded before the key is used, and the only bytes it is used on. */
interface IssuanceIntentsTable {
  order_id: OrderId
  /** Set together with leased_until; both are empty once the order has its certificate or its error. */
  owner: string | null
  leased_until: Date | null
  created_at: CreatedAt
  issuer_certificate_id: string
  crl_shard: number
  serial_number: Uint8Array
  csr_sha256: Uint8Array
  tbs_der: Uint8Array
}

interface CertificatesTable {
  id: CertificateId
  order_id: OrderId
  account_id: AccountId
  profile_revision_id: string
  issuer_certificate_id: string
  serial_number: Uint8Array
  public_key_sha256: Uint8Array
  not_before: Date
  not_after: Date
  crl_shard: number
  created_at: CreatedAt
  revoked_at: Date | null
  revocation_reason: number | null
  der: Uint8Array
}

interface AuditEventsTable {
  id: Generated<number>
  at: CreatedAt
  actor: string
  action: string
  resource_type: string
  resource_id: string
  details: Json<Readonly<Record<string, unknown>>> | null
}

/** Unlogged: empty after a crash or a failover, together with used_nonces. */
interface NonceEpochTable {
  epoch: Uint8Array
}

interface UsedNoncesTable {
  nonce: Uint8Array
  expires_at: Date
}

interface ServerKeysTable {
  name: string
  key: Uint8Array
  created_at: CreatedAt
}

interface RateLimitBucketsTable {
  key: string
  /** GCRA's theoretical arrival time: the bucket is idle once it has passed. */
  tat: Date
  /** Never before tat, and coarse, so that most charges leave its index alone. */
  idle_after: Date
}

/** At most one row: who writes issuers and profiles, each holder under a higher number than the one before. */
interface ControllerEpochTable {
  epoch: number
  holder: string
  began_at: Date
}

/** The processes that serve, as each last spoke of itself. */
interface ReplicasTable {
  id: string
  beat_at: Date
  version: number
  missing_issuers: string[]
}

/** One row: counts the changes of issuers and profiles. */
interface SnapshotVersionTable {
  version: number
}

export type AccountRow = Selectable<AccountsTable>
export type AuditEventRow = Selectable<AuditEventsTable>
export type AuthorizationRow = Selectable<AuthorizationsTable>
export type CertificateRow = Selectable<CertificatesTable>
export type ChallengeRow = Selectable<ChallengesTable>
export type IssuanceIntentRow = Selectable<IssuanceIntentsTable>
export type IssuerCertificateRow = Selectable<IssuerCertificatesTable>
export type IssuerRow = Selectable<IssuersTable>
export type OrderRow = Selectable<OrdersTable>
export type ProfileRevisionRow = Selectable<ProfileRevisionsTable>
export type ProfileRow = Selectable<ProfilesTable>
