import type { KeyObject } from 'node:crypto'
import type { GeneralName } from './general-names.ts'

/** A PKCS#10 request (RFC 2986) whose form, key and self-signature have been found good. Nothing in it is to be copied. */
export interface CertificateRequest {
  readonly der: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly publicKey: KeyObject
  readonly commonNames: readonly string[]
  /** How many attributes the subject has, common names included. */
  readonly subjectAttributes: number
  /** Every subjectAltName, of every type, as written (DNS names are not lower-cased). */
  readonly names: readonly GeneralName[]
  /** Object identifiers of the extensions asked for. */
  readonly requestedExtensions: readonly string[]
}

/** Reads a request strictly: DER, at most 16 KiB, no trailing bytes, at most one extensionRequest, a sound key, a valid self-signature. */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  throw new Error(`not built yet: ${der.length}`)
}
