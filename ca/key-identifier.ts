import { hash } from 'node:crypto'
import { readDer } from './der/reader.ts'

/** The subject key identifier we give to a key: 160 bits of the SHA-256 of its BIT STRING (RFC 7093 section 2, method 1). */
export function keyIdentifier(subjectPublicKeyInfoDer: Uint8Array): Uint8Array {
  return readDer(subjectPublicKeyInfoDer, 'the public key', (reader) => {
    const info = reader.sequence('the public key')
    info.sequence('the algorithm of the public key')
    return hash('sha256', info.octetAlignedBits('the public key'), 'buffer').subarray(0, 20)
  })
}
