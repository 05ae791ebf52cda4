import { oids } from './der/oids.ts'
import { readDer } from './der/reader.ts'
import { CaError } from './errors.ts'

/** Bits of KeyUsage, in the order of RFC 5280 section 4.2.1.3. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof keyUsages)[number]

/** Purposes of RFC 5280 section 4.2.1.12. */
export const extendedKeyUsages = [
  'serverAuth',
  'clientAuth',
  'codeSigning',
  'emailProtection',
  'timeStamping',
  'OCSPSigning',
] as const
export type ExtendedKeyUsage = (typeof extendedKeyUsages)[number]

/** What a key of an algorithm must not be said to do: RFC 3279 section 2.3.1, RFC 8813 section 3, RFC 9295 section 3. */
const impossibleUsages: ReadonlyMap<string, readonly KeyUsage[]> = new Map<string, readonly KeyUsage[]>([
  [oids.rsaEncryption, ['keyAgreement', 'encipherOnly', 'decipherOnly']],
  [oids.ecPublicKey, ['keyEncipherment', 'dataEncipherment']],
  [oids.ed25519, ['keyEncipherment', 'dataEncipherment', 'keyAgreement', 'encipherOnly', 'decipherOnly']],
])

/**
 * Those of a profile's key usages that this key can have: an ECDSA or Ed25519 key never enciphers keys, whatever the
 * profile lists. 'key-not-allowed' where that leaves none, since a certificate without the extension allows everything.
 */
export function usagesForKey(usages: readonly KeyUsage[], subjectPublicKeyInfoDer: Uint8Array): KeyUsage[] {
  const impossible = impossibleUsages.get(readKeyAlgorithm(subjectPublicKeyInfoDer)) ?? []
  const possible = usages.filter((usage) => !impossible.includes(usage))
  if (possible.length === 0 && usages.length > 0) {
    throw new CaError('key-not-allowed', `a key of this algorithm can't be used for ${usages.join(', ')}`)
  }
  return possible
}

/** Object identifier of a public key's algorithm. Throws DerError. */
export function readKeyAlgorithm(subjectPublicKeyInfoDer: Uint8Array): string {
  return readDer(subjectPublicKeyInfoDer, 'the public key', (reader) => {
    const algorithm = reader.sequence('the public key').sequence('the algorithm of the public key')
    return algorithm.oid('the algorithm of the public key')
  })
}

/** The first purpose that one of the lists of the CAs in a chain leaves out, or undefined. */
export function findForbiddenPurpose(
  purposes: readonly ExtendedKeyUsage[],
  levels: readonly (readonly string[] | undefined)[],
): ExtendedKeyUsage | undefined {
  return purposes.find((purpose) =>
    levels.some((level) => level && !level.includes(oids[purpose]) && !level.includes(oids.anyExtendedKeyUsage)),
  )
}
