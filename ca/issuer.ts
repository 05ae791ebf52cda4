import type { KeyObject } from 'node:crypto'
import type { NameConstraints } from './name-constraints.ts'
import type { Signer } from './signer.ts'

/** What the CAs above an issuer allow it; known only where it was loaded with its chain. */
export interface InheritedLimits {
  /** How many more CAs may follow the issuer, by the certificates above it. */
  readonly pathLength?: number
  readonly nameConstraints: readonly NameConstraints[]
}

/** A CA certificate, read. */
export interface IssuerCertificate {
  readonly der: Uint8Array
  readonly pem: string
  readonly subjectDer: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly subjectKeyId: Uint8Array
  /** Lower-case hex. */
  readonly serialNumber: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly pathLength?: number
  readonly nameConstraints?: NameConstraints
  readonly inherited: InheritedLimits
  /** Lower-case hex. */
  readonly sha256Fingerprint: string
}

/** A CA that can sign. */
export interface IssuingCa {
  readonly certificate: IssuerCertificate
  /** Issuer first, up to but without a self-signed root; empty where the issuer is the root. */
  readonly chainPem: string
  readonly rootPem: string
  readonly signer: Signer
}

/** Reads a CA certificate; 'certificate-unparseable', 'not-a-ca', 'invalid-name-constraints'. */
export function parseIssuerCertificate(der: Uint8Array): IssuerCertificate {
  throw new Error(`not built yet: ${der.length}`)
}

/** Puts a stored CA and its key together; 'key-mismatch' where they don't belong together. */
export function loadIssuingCa(
  input: { certificateDer: Uint8Array; chainPem: string; rootPem: string },
  privateKey: KeyObject,
): IssuingCa {
  throw new Error(`not built yet: ${input.chainPem} ${privateKey.type}`)
}
