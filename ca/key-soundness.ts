/** Throws 'weak-key' or 'malformed-key' for a public key that nobody should certify. */
export function assertSoundKey(subjectPublicKeyInfoDer: Uint8Array): void {
  throw new Error(`not built yet: ${subjectPublicKeyInfoDer.length}`)
}
