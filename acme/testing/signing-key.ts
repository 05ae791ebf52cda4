import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** A client's account key. Nothing here comes from the server's own JOSE code, so that neither hides the other's faults. */
export interface SigningKey {
  readonly alg: SigningAlgorithm
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, string>>
  /** RFC 7638. */
  readonly thumbprint: string
}

export const signingAlgorithms = ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const
export type SigningAlgorithm = (typeof signingAlgorithms)[number]

const digests: Record<SigningAlgorithm, string | null> = {
  RS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  EdDSA: null,
}

/** A new key for the algorithm. */
export function generateSigningKey(alg: SigningAlgorithm = 'ES256'): SigningKey {
  return signingKeyFrom(alg, generatePrivateKey(alg))
}

/** The account key that a private key makes. */
export function signingKeyFrom(alg: SigningAlgorithm, privateKey: KeyObject): SigningKey {
  const exported = Object.entries(privateKey.export({ format: 'jwk' }))
  const publicMembers = exported.filter(([name]) => ['kty', 'crv', 'x', 'y', 'n', 'e'].includes(name))
  const sorted = publicMembers
    .map(([name, value]) => [name, String(value)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const jwk = Object.fromEntries(sorted)
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  return { alg, privateKey, jwk, thumbprint }
}

/** The signature of a JWS: r and s side by side for ECDSA. */
export function signJws(input: string, key: Pick<SigningKey, 'alg' | 'privateKey'>): Buffer {
  return sign(digests[key.alg], Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
}

function generatePrivateKey(alg: SigningAlgorithm): KeyObject {
  switch (alg) {
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    case 'ES384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    case 'ES512':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
    case 'EdDSA':
      return generateKeyPairSync('ed25519').privateKey
  }
}
