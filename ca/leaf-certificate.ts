import type { IssuerCertificate } from './issuer.ts'
import type { SignatureAlgorithm } from './signature-algorithms.ts'
import type { Signer } from './signer.ts'
import type { ExtendedKeyUsage, KeyUsage } from './usages.ts'

/** Everything that a leaf will say. Dates are whole seconds, names are in canonical form (lower-case A-labels, RFC 5952). */
export interface LeafPlan {
  readonly issuer: IssuerCertificate
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly serialNumber: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  /** One of dnsNames, of at most 64 characters (RFC 5280 appendix A.1, ub-common-name). */
  readonly commonName?: string
  readonly organization?: readonly string[]
  readonly keyUsages: readonly KeyUsage[]
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[]
  readonly urls?: {
    readonly caIssuers?: readonly string[]
    readonly crlDistributionPoints?: readonly string[]
    readonly ocsp?: readonly string[]
  }
}

/** Writes the tbsCertificate of a leaf; 'name-not-permitted', 'validity-outside-issuer'. */
export function buildLeafTbs(plan: LeafPlan): Uint8Array {
  throw new Error(`not built yet: ${plan.dnsNames.join()}`)
}

/** Signs a tbsCertificate and returns the whole certificate in DER. The bytes are signed as they are, unread. */
export function signTbsCertificate(tbsDer: Uint8Array, signer: Signer): Promise<Uint8Array> {
  return signer.sign(tbsDer)
}
