import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from './signature-algorithms.ts'

/**
 * Holds a CA's private key, wherever it lives. `sign` may be called concurrently and may be retried; it returns the
 * contents of the signature BIT STRING (for ECDSA the DER SEQUENCE of r and s).
 */
export interface Signer {
  readonly publicKey: KeyObject
  readonly signatureAlgorithm: SignatureAlgorithm
  sign(tbsDer: Uint8Array): Promise<Uint8Array>
}

/** A signer over a private key in memory. Throws 'unsupported-key-type'. */
export function createLocalSigner(privateKey: KeyObject): Signer {
  throw new Error(`not built yet: ${privateKey.type}`)
}
