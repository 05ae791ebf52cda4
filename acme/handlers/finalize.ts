import { assertKeyAllowed, CaError, parseCertificateRequest, type CertificateRequest } from '../../ca/index.ts'
import { findOrderView } from '../../store/orders.ts'
import type { OrderView } from '../../store/views.ts'
import type { AcmeDeps } from '../deps.ts'
import { compareCsrNames } from '../identifiers.ts'
import { sha256 } from '../issuance.ts'
import type { FinalizePayload } from '../payloads.ts'
import type { IssuancePolicy } from '../policy.ts'
import { problem, serviceUnavailable } from '../problems.ts'
import type { Reply } from '../reply.ts'
import type { AccountRequest } from '../request.ts'
import { deriveOrderStatus, type OrderStatus } from '../status.ts'
import { assertNotSuspended, findPinnedProfile, orderReply } from './order.ts'

type FinalizeRequest = AccountRequest<FinalizePayload, 'order'>

/**
 * RFC 8555 section 7.4. A CSR that cannot be issued is refused before anything changes, so that the order stays
 * `ready` for a better one. The answer is `valid` at once: clients handle `processing` badly.
 */
export async function finalizeOrder(deps: AcmeDeps, request: FinalizeRequest): Promise<Reply> {
  const { resource: order, payload, now } = request
  const status = deriveOrderStatus(order, now)
  if (status === 'processing' || status === 'valid') return repeated(order, request)
  if (status !== 'ready') throw problem.orderNotReady(notReadyDetail(order, status))
  const revision = await deps.profiles.revision(order.profileRevisionId)
  if (!revision) throw serviceUnavailable('The profile revision of this order cannot be read; try again soon.', 10)
  const profile = await findPinnedProfile(deps, revision, request)
  if (!profile) throw problem.orderNotReady('The profile of this order is not served any more; make a new order.')
  assertNotSuspended(profile)
  const csr = readCsr(payload.csrDer, request, revision.policy)
  const certificateId = await deps.issuance.issue({ ...revision, order, csr })
  if (certificateId) return orderReply({ ...order, processingSince: now, certificateId }, request)
  return lostRace(deps, request)
}

/** Another finalize was first, or an authorization or the account was given up in between: the order tells which. */
async function lostRace(deps: AcmeDeps, request: FinalizeRequest): Promise<Reply> {
  const order = await findOrderView(deps.db, { id: request.resource.id, accountId: request.account.id })
  if (!order) throw problem.malformed('This account has no such order any more.', { status: 404 })
  const status = deriveOrderStatus(order, request.now)
  if (status === 'processing' || status === 'valid') return repeated(order, request)
  throw problem.orderNotReady(notReadyDetail(order, status))
}

/** The CSR that the order is being issued for may be sent again and gets the same order; another one is too late. */
function repeated(order: OrderView, request: FinalizeRequest): Reply {
  const same = order.csrSha256 === undefined || sha256(request.payload.csrDer).equals(order.csrSha256)
  if (same) return orderReply(order, request)
  throw problem.orderNotReady('The order was finalized with another CSR; make a new order for this one.')
}

function notReadyDetail(order: OrderView, status: OrderStatus): string {
  if (status === 'pending') return 'The order is pending; fulfil its authorizations before finalizing.'
  if (status === 'ready') return 'The account or the order has ended meanwhile; nothing is issued for it.'
  return order.error
    ? 'The order is invalid; its "error" says why. Make a new one.'
    : 'The order is invalid: it expired or an authorization failed. Make a new one.'
}

function readCsr(csrDer: Buffer, { account, resource }: FinalizeRequest, policy: IssuancePolicy): CertificateRequest {
  const csr = acceptCsr(csrDer, policy)
  // Section 11.1: "ACME servers SHOULD verify that the account key is not used as the certificate key"; here they must.
  if (account.key.publicKey.equals(csr.publicKey)) {
    throw problem.badCSR('The CSR has the account key; make a key of its own for the certificate.')
  }
  compareCsrNames(csr, resource.identifiers)
  return csr
}

function acceptCsr(csrDer: Buffer, policy: IssuancePolicy): CertificateRequest {
  try {
    const csr = parseCertificateRequest(csrDer)
    assertKeyAllowed(csr.publicKey, policy.keyPolicy)
    return csr
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    // Section 6.7 has one type for everything that is wrong with a CSR, its key included.
    throw problem.badCSR(`The CSR is not acceptable: ${error.message}.`, { cause: error })
  }
}
