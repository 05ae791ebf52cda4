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

/** What the status of an order is derived from, besides the order's own facts. */
export interface OrderAuthorizationView {
  id: AuthorizationId
  /** Without the `*.` of a wildcard. */
  identifier: Identifier
  wildcard: boolean
  status: AuthorizationStatus
  expiresAt: Date
}

export interface OrderView {
  id: OrderId
  accountId: AccountId
  profileRevisionId: string
  identifiers: Identifier[]
  notBefore?: Date
  notAfter?: Date
  createdAt: Date
  expiresAt: Date
  error?: StoredProblem
  /** When the issuance intent was recorded: from then on the order is `processing` until it has a certificate or an error. */
  processingSince?: Date
  /** The request the intent was made for: the same one may be sent again, another may not. */
  csrSha256?: Uint8Array
  certificateId?: CertificateId
  /** Sorted by identifier. Pruned long after the order ended: no row never means `ready`. */
  authorizations: OrderAuthorizationView[]
}

/** An authorization by itself. */
export interface OwnedAuthorizationView extends OrderAuthorizationView {
  accountId: AccountId
  /** Under whose policy it was, or will be, validated. */
  profileRevisionId: string
  validatedAt?: Date
}

export interface AuthorizationView extends OwnedAuthorizationView {
  challenges: ChallengeSummary[]
}

export interface ChallengeSummary {
  id: ChallengeId
  type: ChallengeType
  token: string
  status: ChallengeStatus
  error?: StoredProblem
  validatedAt?: Date
}

export interface ChallengeView extends ChallengeSummary {
  attempts: number
  respondedAt?: Date
  authorization: OwnedAuthorizationView
}

export interface CertificateView {
  id: CertificateId
  orderId: OrderId
  accountId: AccountId
  profileRevisionId: string
  issuerCertificateId: string
  serialNumber: Uint8Array
  der: Uint8Array
  notBefore: Date
  notAfter: Date
  createdAt: Date
  revokedAt?: Date
  /** RFC 5280 section 5.3.1. */
  revocationReason?: number
}
