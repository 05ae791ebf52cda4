import type { IssuingCa } from './issuer.ts'
import type { NameConstraints } from './name-constraints.ts'
import type { Signer } from './signer.ts'

/** The subject of a CA that we make. */
export interface CaSubject {
  readonly commonName: string
  readonly organization?: readonly string[]
  readonly organizationalUnit?: readonly string[]
  readonly country?: readonly string[]
}

/** A CA certificate to be made. */
export interface CaCertificateSpec {
  readonly subject: CaSubject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly pathLength?: number
  readonly nameConstraints?: NameConstraints
  readonly serialNumber: Uint8Array
}

/** Makes a self-signed root, linted before it is signed. Returns the certificate's DER. */
export function createSelfSignedCa(spec: CaCertificateSpec, signer: Signer): Promise<Uint8Array> {
  return Promise.reject(new Error(`not built yet: ${spec.subject.commonName} ${signer.signatureAlgorithm}`))
}

/**
 * Makes an intermediate CA under `issuer`, linted before it is signed. The issuer's path length, name constraints and
 * validity are enforced: 'path-length-exceeded', 'invalid-name-constraints', 'validity-outside-issuer'.
 */
export function createSubordinateCa(
  spec: CaCertificateSpec,
  options: { subjectPublicKeyInfoDer: Uint8Array; issuer: IssuingCa },
): Promise<Uint8Array> {
  return Promise.reject(new Error(`not built yet: ${spec.subject.commonName} ${options.issuer.chainPem}`))
}
