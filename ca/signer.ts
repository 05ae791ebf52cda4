import { createPublicKey, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { signatureAlgorithmFor, signatureAlgorithms } from './signature-algorithms.ts'
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

/** A signer over a private key in memory, working on the thread pool. Throws 'unsupported-key-type'. */
export function createLocalSigner(privateKey: KeyObject): Signer {
  const signatureAlgorithm = signatureAlgorithmFor(privateKey)
  const { digest } = signatureAlgorithms[signatureAlgorithm]
  return {
    publicKey: createPublicKey(privateKey),
    signatureAlgorithm,
    sign(tbsDer) {
      return new Promise((resolve, reject) => {
        sign(digest, tbsDer, privateKey, (error, signature) => (error ? reject(error) : resolve(signature)))
      })
    },
  }
}
