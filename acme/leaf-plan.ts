import {
  CaError,
  leafValidity,
  type CertificateRequest,
  type IssuerCertificate,
  type LeafPlan,
  type Validity,
} from '../ca/index.ts'
import type { OrderView } from '../store/views.ts'
import type { IssuancePolicy } from './policy.ts'
import type { SigningIssuer } from './ports.ts'
import { problem } from './problems.ts'

/** RFC 5280 appendix A.1, ub-common-name. */
const longestCommonName = 64

export interface LeafPlanInput {
  readonly order: OrderView
  readonly csr: CertificateRequest
  readonly policy: IssuancePolicy
  readonly issuer: SigningIssuer
  readonly serialNumber: Uint8Array
  readonly now: Date
}

/**
 * Promises what the certificate of an order will say: the order's names, the CSR's key, and everything else from the
 * profile. Nothing of the CSR but its key is copied.
 */
export function planLeaf({ order, csr, policy, issuer, serialNumber, now }: LeafPlanInput): LeafPlan {
  const names = order.identifiers.filter(({ type }) => type === 'dns').map(({ value }) => value)
  const commonName = policy.subject.commonName === 'FromFirstDNS' ? names.find(fitsCommonName) : undefined
  const { notBefore, notAfter } = leafValidityOf(policy, { ...order, issuer: issuer.ca.certificate, now })
  return {
    issuer: issuer.ca.certificate,
    signatureAlgorithm: issuer.ca.signer.signatureAlgorithm,
    subjectPublicKeyInfoDer: csr.subjectPublicKeyInfoDer,
    serialNumber,
    notBefore,
    notAfter,
    dnsNames: names,
    ipAddresses: [],
    ...(commonName !== undefined && { commonName }),
    ...(policy.subject.organization && { organization: policy.subject.organization }),
    keyUsages: policy.keyUsages,
    extendedKeyUsages: policy.extendedKeyUsages,
    ...(issuer.caIssuersUrl !== undefined && { urls: { caIssuers: [issuer.caIssuersUrl] } }),
  }
}

function fitsCommonName(name: string): boolean {
  return name.length <= longestCommonName
}

interface ValidityInput {
  readonly notBefore?: Date | undefined
  readonly notAfter?: Date | undefined
  readonly issuer: IssuerCertificate
  readonly now: Date
}

/** Promises the validity that the profile grants at `now`; throws a problem where none of what was asked is left. */
export function leafValidityOf(policy: IssuancePolicy, { notBefore, notAfter, issuer, now }: ValidityInput): Validity {
  try {
    return leafValidity({
      requestedNotBefore: notBefore,
      requestedNotAfter: notAfter,
      now,
      ...policy.validity,
      issuerNotBefore: issuer.notBefore,
      issuerNotAfter: issuer.notAfter,
    })
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    throw problem.malformed(`No certificate can be issued for the requested time: ${error.message}.`, { cause: error })
  }
}
