import { createHash } from 'node:crypto'
import {
  buildLeafTbs,
  CaError,
  generateSerialNumber,
  lintTbsCertificate,
  signTbsCertificate,
  type CertificateRequest,
  type IssuingCa,
  type LeafPlan,
} from '../ca/index.ts'
import type { Db } from '../store/database.ts'
import { isUnavailable } from '../store/errors.ts'
import { beginIssuance, claimExpiredIntents, completeIssuance } from '../store/issuance.ts'
import { newId, type AccountId, type CertificateId, type OrderId } from '../store/schema.ts'
import type { OrderView } from '../store/views.ts'
import { assertWithinCeilings, ceilingsOver, withinCeilings } from './ceilings.ts'
import { planLeaf } from './leaf-plan.ts'
import type { IssuancePolicy } from './policy.ts'
import type { AcmeMetrics, Checkpoint, Clock, IssuerLookup, Log } from './ports.ts'
import { problem, serviceUnavailable, type AcmeProblem } from './problems.ts'

/** An order that is ready, and all that issuing for it needs. */
export interface IssuanceRequest {
  readonly order: OrderView
  readonly csr: CertificateRequest
  readonly policy: IssuancePolicy
  /** Of the profile. */
  readonly namespace: string
  readonly issuerId: string
}

/** Signs certificates, exactly one for an order. */
export interface Issuance {
  /**
   * Issues for an order that is ready. Everything that can be refused is refused before anything changes. Returns the
   * certificate's id, or undefined when another request has begun this order, or it is not ready any more.
   */
  issue(request: IssuanceRequest): Promise<CertificateId | undefined>
  /** Finishes what owners that died have begun; returns how many certificates that made. */
  takeOver(): Promise<number>
}

export interface IssuanceDeps {
  readonly db: Db
  readonly issuers: IssuerLookup
  readonly clock: Clock
  readonly log: Log
  readonly metrics: AcmeMetrics
  /** This process, unlike any other and any earlier one. */
  readonly owner: string
  readonly leaseSeconds: number
  readonly checkpoint?: Checkpoint
}

/** What a begun issuance knows of itself: enough to finish it, for its first owner and for any later one. */
interface BegunIssuance {
  readonly orderId: OrderId
  readonly accountId: AccountId
  readonly tbsDer: Uint8Array
  readonly orderCreatedAt: Date
}

const takenOverAtOnce = 20

export function createIssuance(deps: IssuanceDeps): Issuance {
  const { db, issuers, clock, log, metrics, owner, leaseSeconds } = deps
  const checkpoint = deps.checkpoint ?? (() => undefined)

  async function issue({ order, csr, issuerId, ...profile }: IssuanceRequest): Promise<CertificateId | undefined> {
    const issuer = issuers.signing(issuerId)
    if (!issuer) throw serviceUnavailable('The signing key of this profile is not available yet; try again soon.', 10)
    const ceilings = ceilingsOver(profile, issuer)
    assertWithinCeilings(ceilings, order.identifiers, profile.policy)
    const policy = withinCeilings(ceilings, profile.policy)
    const serialNumber = generateSerialNumber()
    const plan = planLeaf({ order, csr, policy, issuer, serialNumber, now: clock.now() })
    const tbsDer = buildLintedTbs(plan)
    await checkpoint('finalize.parsed')
    const begun = await beginIssuance(db, {
      orderId: order.id,
      accountId: order.accountId,
      serialNumber,
      tbsDer,
      csrSha256: sha256(csr.der),
      issuerCertificateId: issuer.issuerCertificateId,
      owner,
      leaseSeconds,
    })
    if (!begun) return undefined
    await checkpoint('finalize.begun')
    return complete(issuer.ca, {
      orderId: order.id,
      accountId: order.accountId,
      tbsDer,
      orderCreatedAt: order.createdAt,
    })
  }

  /** Signs the recorded bytes and no others. No signature leaves before the commit that makes it the order's only one. */
  async function complete(ca: IssuingCa, begun: BegunIssuance): Promise<CertificateId | undefined> {
    const started = performance.now()
    const der = await signTbsCertificate(begun.tbsDer, ca.signer)
    metrics.signing((performance.now() - started) / 1000)
    await checkpoint('finalize.signed')
    const certificateId = await completeIssuance(db, {
      orderId: begun.orderId,
      owner,
      certificate: { id: newId<CertificateId>(), der },
      actor: `acme:${begun.accountId}`,
    })
    await checkpoint('finalize.completed')
    if (certificateId) metrics.orderToValid((clock.now().getTime() - begun.orderCreatedAt.getTime()) / 1000)
    return certificateId
  }

  async function takeOver(): Promise<number> {
    const intents = await claimExpiredIntents(db, { owner, leaseSeconds, limit: takenOverAtOnce })
    let completed = 0
    for (const intent of intents) {
      const ca = issuers.generation(intent.issuerCertificateId)
      if (!ca) {
        log.warn({ orderId: intent.orderId }, 'an order waits for a CA key that this process does not have')
        continue
      }
      if (await finish(ca, intent)) completed += 1
    }
    return completed
  }

  /** What fails is tried again when its lease has run out, and keeps no other waiting unless the database is away. */
  async function finish(ca: IssuingCa, intent: BegunIssuance): Promise<boolean> {
    const { orderId } = intent
    try {
      const certificateId = await complete(ca, intent)
      log.info({ orderId }, 'finished an issuance whose owner was gone')
      return certificateId !== undefined
    } catch (error) {
      if (isUnavailable(error)) throw error
      log.error({ orderId, err: error }, 'an issuance whose owner was gone could not be finished')
      return false
    }
  }

  return { issue, takeOver }
}

/** Promises bytes that the linter found no fault with, read independently of the code that wrote them. */
function buildLintedTbs(plan: LeafPlan): Uint8Array {
  const tbsDer = buildTbs(plan)
  const findings = lintTbsCertificate(tbsDer, plan)
  if (findings.length > 0)
    throw new CaError('lint-failed', findings.map(({ rule, detail }) => `${rule}: ${detail}`).join('; '))
  return tbsDer
}

function buildTbs(plan: LeafPlan): Uint8Array {
  try {
    return buildLeafTbs(plan)
  } catch (error) {
    throw error instanceof CaError ? (refusalOf(error) ?? error) : error
  }
}

/** Undefined where the client can do nothing about it. */
function refusalOf(cause: CaError): AcmeProblem | undefined {
  switch (cause.code) {
    case 'name-not-permitted':
      return problem.rejectedIdentifier(`The issuing CA may not certify these names: ${cause.message}.`, { cause })
    case 'key-not-allowed':
      return problem.badCSR(`The key of the CSR does not fit the profile: ${cause.message}.`, { cause })
    default:
      return undefined
  }
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
