import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { assertSoundKey, CaError } from '../../ca/index.ts'
import { problem } from '../problems.ts'
import { decodeBase64url } from './base64url.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { algorithmOfKey, type JwsAlgorithm } from './jws.ts'

/** The members that make the key, and no other: what is stored and what the thumbprint covers. */
export type PublicJwk =
  | { readonly kty: 'EC'; readonly crv: 'P-256' | 'P-384' | 'P-521'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }

export interface AccountKey {
  readonly jwk: PublicJwk
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  readonly publicKey: KeyObject
  /** The one `alg` this key may sign with. */
  readonly algorithm: JwsAlgorithm
}

/** Octets of a coordinate, RFC 7518 section 6.2.1.2: "the full size of a coordinate for the curve". */
const coordinateSizes = { 'P-256': 32, 'P-384': 48, 'P-521': 66 } as const
const ed25519KeySize = 32

/** RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2, and `k` of symmetric keys. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Promises a public key that may hold an account: RSA of 2048 to 4096 bits, P-256, P-384, P-521 or Ed25519, in its one
 * canonical encoding, and sound as the CA engine judges keys. Throws `badPublicKey` (RFC 8555 section 6.2).
 */
export function parseJwk(value: unknown): AccountKey {
  if (!isJsonObject(value)) throw problem.badPublicKey('The "jwk" must be a JSON object.')
  refusePrivateKey(value)
  refuseOtherPurpose(value)
  const jwk = selectPublicMembers(value)
  const publicKey = importKey(jwk)
  assertSound(publicKey)
  const algorithm = algorithmOfKey(publicKey)
  if (value['alg'] !== undefined && value['alg'] !== algorithm) {
    throw problem.badPublicKey(`The "alg" of the "jwk" does not fit its key; leave it out or say "${algorithm}".`)
  }
  return { jwk, thumbprint: jwkThumbprint(jwk), publicKey, algorithm }
}

/** Promises the RFC 7638 thumbprint: SHA-256 over the required members alone, in lexicographic order, base64url. */
export function jwkThumbprint(jwk: PublicJwk): string {
  return createHash('sha256').update(canonicalJson(jwk)).digest('base64url')
}

function canonicalJson(jwk: PublicJwk): string {
  switch (jwk.kty) {
    case 'EC':
      return JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y })
    case 'OKP':
      return JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })
    case 'RSA':
      return JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n })
  }
}

function refusePrivateKey(value: JsonObject): void {
  if (privateMembers.every((member) => value[member] === undefined)) return
  throw problem.badPublicKey(
    'The "jwk" holds a private or symmetric key. Treat it as disclosed: make a new key, and send its public members only.',
  )
}

/** RFC 7517 sections 4.2 and 4.3: a key that says what it is for must not be used for something else. */
function refuseOtherPurpose({ use, key_ops: operations }: JsonObject): void {
  const forSignatures = use === undefined || use === 'sig'
  const forVerifying = operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
  if (forSignatures && forVerifying) return
  throw problem.badPublicKey('The "use" or "key_ops" of the "jwk" does not permit verifying signatures.')
}

function selectPublicMembers(value: JsonObject): PublicJwk {
  switch (value['kty']) {
    case 'EC':
      return selectEc(value)
    case 'OKP':
      return selectOkp(value)
    case 'RSA':
      return selectRsa(value)
    default:
      throw problem.badPublicKey('The "kty" of the "jwk" must be EC, OKP or RSA.')
  }
}

function selectEc({ crv, x, y }: JsonObject): PublicJwk {
  if (crv !== 'P-256' && crv !== 'P-384' && crv !== 'P-521') {
    throw problem.badPublicKey('The "crv" of an EC key must be P-256, P-384 or P-521.')
  }
  const size = coordinateSizes[crv]
  return { kty: 'EC', crv, x: fixedSize(x, 'x', size), y: fixedSize(y, 'y', size) }
}

function selectOkp({ crv, x }: JsonObject): PublicJwk {
  if (crv !== 'Ed25519') throw problem.badPublicKey('The "crv" of an OKP key must be Ed25519.')
  return { kty: 'OKP', crv, x: fixedSize(x, 'x', ed25519KeySize) }
}

function selectRsa({ n, e }: JsonObject): PublicJwk {
  return { kty: 'RSA', n: unsigned(n, 'n'), e: unsigned(e, 'e') }
}

function encodedBytes(value: unknown, member: string): { text: string; bytes: Buffer } {
  const bytes = typeof value === 'string' ? decodeBase64url(value) : undefined
  if (typeof value === 'string' && bytes) return { text: value, bytes }
  throw problem.badPublicKey(`"${member}" of the "jwk" must be a string in canonical base64url without padding.`)
}

function fixedSize(value: unknown, member: string, size: number): string {
  const { text, bytes } = encodedBytes(value, member)
  if (bytes.length === size) return text
  throw problem.badPublicKey(`"${member}" of the "jwk" must be exactly ${size} octets, leading zeros included.`)
}

/** RFC 7518 section 2, Base64urlUInt: "MUST utilize the minimum number of octets needed". */
function unsigned(value: unknown, member: string): string {
  const { text, bytes } = encodedBytes(value, member)
  if (bytes.length > 0 && bytes[0] !== 0) return text
  throw problem.badPublicKey(`"${member}" of the "jwk" must be a positive number without leading zero octets.`)
}

function importKey(jwk: PublicJwk): KeyObject {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch (cause) {
    throw problem.badPublicKey('The values of the "jwk" do not make a key of the type and curve that it names.', {
      cause,
    })
  }
}

function assertSound(publicKey: KeyObject): void {
  try {
    assertSoundKey(publicKey.export({ type: 'spki', format: 'der' }))
  } catch (cause) {
    if (!(cause instanceof CaError)) throw cause
    throw problem.badPublicKey(`The account key is refused: ${cause.message}.`, { cause })
  }
}
