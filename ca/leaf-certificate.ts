import { bitString, sequence } from './der/writer.ts'
import { writeName } from './distinguished-name.ts'
import { CaError } from './errors.ts'
import {
  authorityInfoAccessExtension,
  authorityKeyIdentifierExtension,
  crlDistributionPointsExtension,
  extKeyUsageExtension,
  keyUsageExtension,
  leafBasicConstraints,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from './extensions.ts'
import type { IssuerCertificate } from './issuer.ts'
import { findForbiddenName } from './name-constraints.ts'
import { signatureAlgorithms } from './signature-algorithms.ts'
import type { SignatureAlgorithm } from './signature-algorithms.ts'
import type { Signer } from './signer.ts'
import { assertWithinIssuer, writeTbsCertificate } from './tbs-certificate.ts'
import { findForbiddenPurpose, usagesForKey } from './usages.ts'
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
  readonly commonName?: string | undefined
  readonly organization?: readonly string[] | undefined
  /** As the profile has them; those that the key's algorithm can't have are left out. */
  readonly keyUsages: readonly KeyUsage[]
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[]
  readonly urls?:
    | {
        readonly caIssuers?: readonly string[] | undefined
        readonly crlDistributionPoints?: readonly string[] | undefined
        readonly ocsp?: readonly string[] | undefined
      }
    | undefined
}

/**
 * Writes the tbsCertificate of a leaf. Throws 'name-not-permitted' (by the name constraints of the issuer or a CA above
 * it), 'usage-not-permitted' (by their extended key usages), 'validity-outside-issuer', 'key-not-allowed' (no key usage of the profile fits the key). keyEncipherment is
 * written for RSA keys only, as RFC 8813 and RFC 9295 demand.
 */
export function buildLeafTbs(plan: LeafPlan): Uint8Array {
  const { issuer } = plan
  const subjectDer = writeName(plan)
  assertWithinIssuer(plan, issuer)
  assertPermitted(plan, subjectDer)
  return writeTbsCertificate({ ...plan, issuerDer: issuer.subjectDer, subjectDer }, leafExtensions(plan, subjectDer))
}

/** What the issuer and the CAs above it forbid. */
function assertPermitted(plan: LeafPlan, subjectDer: Uint8Array): void {
  const { inherited, ...issuer } = plan.issuer
  const name = findForbiddenName({ ...plan, subjectDer }, [issuer.nameConstraints, ...inherited.nameConstraints])
  if (name !== undefined) {
    throw new CaError('name-not-permitted', `${name} is not permitted by the name constraints of the issuing CA`)
  }
  const purpose = findForbiddenPurpose(plan.extendedKeyUsages, [
    issuer.extendedKeyUsages,
    ...inherited.extendedKeyUsages,
  ])
  if (purpose !== undefined) {
    throw new CaError('usage-not-permitted', `${purpose} is not among the extended key usages of the issuing CA`)
  }
}

function leafExtensions(plan: LeafPlan, subjectDer: Uint8Array): Uint8Array[] {
  const { ocsp = [], caIssuers = [], crlDistributionPoints = [] } = plan.urls ?? {}
  const usages = usagesForKey(plan.keyUsages, plan.subjectPublicKeyInfoDer)
  const extensions = [
    authorityKeyIdentifierExtension(plan.issuer.subjectKeyId),
    subjectKeyIdentifierExtension(plan.subjectPublicKeyInfoDer),
    leafBasicConstraints,
    subjectAltNameExtension(plan, subjectDer.length === 2),
  ]
  if (usages.length > 0) extensions.push(keyUsageExtension(usages))
  if (plan.extendedKeyUsages.length > 0) extensions.push(extKeyUsageExtension(plan.extendedKeyUsages))
  if (ocsp.length + caIssuers.length > 0) extensions.push(authorityInfoAccessExtension({ ocsp, caIssuers }))
  if (crlDistributionPoints.length > 0) extensions.push(crlDistributionPointsExtension(crlDistributionPoints))
  return extensions
}

/**
 * Signs a tbsCertificate, as it is, and returns the whole certificate in DER. What may be signed is `lintTbsCertificate`'s
 * to say, before this.
 */
export async function signTbsCertificate(tbsDer: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const { identifierDer } = signatureAlgorithms[signer.signatureAlgorithm]
  return sequence(tbsDer, identifierDer, bitString(await signer.sign(tbsDer)))
}
