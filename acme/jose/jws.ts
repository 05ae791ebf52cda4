import { verify, type KeyObject } from 'node:crypto'
import { problem } from '../problems.ts'
import { decodeBase64url } from './base64url.ts'
import { isJsonObject, parseJsonObject, type JsonObject } from './json.ts'

/**
 * What a public key can do here. RFC 8555 section 6.2 demands ES256, wishes for EdDSA, and forbids "none" and MACs;
 * RS256 is what cert-manager's and certbot's older accounts hold.
 */
const schemes = {
  RS256: { keyType: 'rsa', curve: undefined, digest: 'sha256' },
  ES256: { keyType: 'ec', curve: 'prime256v1', digest: 'sha256' },
  ES384: { keyType: 'ec', curve: 'secp384r1', digest: 'sha384' },
  ES512: { keyType: 'ec', curve: 'secp521r1', digest: 'sha512' },
  EdDSA: { keyType: 'ed25519', curve: undefined, digest: undefined },
} as const

export type JwsAlgorithm = keyof typeof schemes

/** Every `alg` this server accepts, in the order a client is shown them. */
export const jwsAlgorithms = ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256'] as const satisfies readonly JwsAlgorithm[]

/** Section 6.2: "The "jwk" and "kid" fields are mutually exclusive." Only the shape of either is judged here. */
export type KeyReference =
  { readonly jwk: JsonObject; readonly kid?: undefined } | { readonly kid: string; readonly jwk?: undefined }

export type ProtectedHeader = KeyReference & {
  readonly alg: JwsAlgorithm
  readonly url: string
  /** Judged last, after the signature; absent there means `badNonce` (section 6.5). */
  readonly nonce?: string
}

/** A JWS that is whole, its signature not necessarily verified. */
interface JwsWith<Header> {
  readonly protectedHeader: Header
  readonly payload: Buffer
  readonly signingInput: Buffer
  readonly signature: Buffer
}

export type Jws = JwsWith<ProtectedHeader>

/** A JWS of which nothing is judged that ACME alone demands. */
export type FlattenedJws = JwsWith<JsonObject & { readonly alg: JwsAlgorithm }>

/**
 * Promises a request's JWS as section 6.2 demands it. Judges in the order shape, `alg`, exactly one of `jwk` and `kid`,
 * `url`, spelling of the nonce; the signature is not verified yet. Throws `malformed` or `badSignatureAlgorithm`.
 */
export function parseJws(body: Uint8Array, what = 'The request body'): Jws {
  const jws = parseFlattenedJws(body, what)
  return { ...jws, protectedHeader: parseProtectedHeader(jws.protectedHeader) }
}

/**
 * Promises a JWS in the one serialization section 6.2 allows: flattened JSON, everything protected, one signature, no
 * extensions, canonical unpadded base64url (section 6.1), and an `alg` we offer.
 */
export function parseFlattenedJws(body: Uint8Array, what: string): FlattenedJws {
  const jws = parseJsonObject(body, what)
  refuseOtherSerializations(jws)
  const encodedHeader = encodedMember(jws, 'protected')
  const encodedPayload = encodedMember(jws, 'payload')
  const header = parseJsonObject(decode(encodedHeader, 'protected'), 'The protected header')
  const payload = decode(encodedPayload, 'payload')
  const signature = decode(encodedMember(jws, 'signature'), 'signature')
  refuseExtensions(header)
  return {
    protectedHeader: { ...header, alg: parseAlgorithm(header['alg']) },
    payload,
    signature,
    signingInput: Buffer.from(`${encodedHeader}.${encodedPayload}`, 'latin1'),
  }
}

/**
 * Promises the inner JWS of a key change, which is the payload of the outer one: section 7.3.5 demands a `jwk`, the
 * outer `url`, and that it "MUST omit the "nonce" header parameter". Its signature is not verified yet.
 */
export function parseInnerJws(payload: Uint8Array, outerUrl: string): Jws & { protectedHeader: { jwk: JsonObject } } {
  const jws = parseJws(payload, 'The inner JWS')
  const { protectedHeader } = jws
  if (protectedHeader.jwk === undefined) {
    throw problem.malformed('The inner JWS must carry the new key as "jwk", not a "kid".')
  }
  if (protectedHeader.nonce !== undefined) {
    throw problem.malformed('The inner JWS must not have a "nonce"; only the outer one has.')
  }
  if (protectedHeader.url !== outerUrl) {
    throw problem.malformed('The inner JWS must have the same "url" as the outer one.')
  }
  return { ...jws, protectedHeader }
}

/** What a signature covers, and with which algorithm it was made. */
export interface SignedContent {
  readonly protectedHeader: { readonly alg: JwsAlgorithm }
  readonly signingInput: Buffer
  readonly signature: Buffer
}

/**
 * Throws unless the key made the signature: `badSignatureAlgorithm` where `alg` is not the key's own, `malformed` where
 * the signature is wrong.
 */
export function verifySignature(jws: SignedContent, publicKey: KeyObject): void {
  const { alg } = jws.protectedHeader
  const fitting = algorithmOfKey(publicKey)
  if (alg !== fitting) {
    throw problem.badSignatureAlgorithm(`This key signs with ${fitting}, but the JWS says "alg": "${alg}".`, {
      algorithms: jwsAlgorithms,
    })
  }
  if (!isSignedBy(jws, publicKey)) {
    throw problem.malformed('The signature of the JWS does not verify with the key that its header names.')
  }
}

/** The one `alg` a public key may sign with. Throws a TypeError for a key that `parseJwk` would not have let in. */
export function algorithmOfKey(publicKey: KeyObject): JwsAlgorithm {
  const curve = publicKey.asymmetricKeyDetails?.namedCurve
  const fitting = jwsAlgorithms.find((alg) => {
    const scheme = schemes[alg]
    return scheme.keyType === publicKey.asymmetricKeyType && scheme.curve === curve
  })
  if (!fitting) throw new TypeError(`no JWS algorithm fits a key of type ${publicKey.asymmetricKeyType} ${curve}`)
  return fitting
}

/** RFC 7518 section 3.4 wants r and s side by side, where OpenSSL's default is a DER sequence. */
function isSignedBy({ protectedHeader, signingInput, signature }: SignedContent, publicKey: KeyObject): boolean {
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  return verify(schemes[protectedHeader.alg].digest, signingInput, key, signature)
}

function refuseOtherSerializations(jws: JsonObject): void {
  if ('signatures' in jws) {
    throw problem.malformed('Send the flattened JSON serialization: one "signature", no "signatures" array.')
  }
  // > The JWS Unprotected Header [RFC7515] MUST NOT be used
  if ('header' in jws) throw problem.malformed('The JWS has an unprotected "header"; put everything into "protected".')
  // Other members are ignored, as RFC 7515 section 7.2.1 demands; nothing reads them.
}

function encodedMember(jws: JsonObject, name: 'protected' | 'payload' | 'signature'): string {
  const value = jws[name]
  if (typeof value === 'string') return value
  throw problem.malformed(`The JWS must have "protected", "payload" and "signature" as strings; "${name}" is not one.`)
}

/** Section 6.1: "Encoded values that include trailing '=' characters MUST be rejected as improperly encoded." */
function decode(encoded: string, name: string): Buffer {
  const bytes = decodeBase64url(encoded)
  if (bytes) return bytes
  throw problem.malformed(`"${name}" is not canonical base64url; encode it without padding (RFC 7515 section 2).`)
}

function parseProtectedHeader(header: FlattenedJws['protectedHeader']): ProtectedHeader {
  const reference = parseKeyReference(header)
  const { alg, url } = header
  // Section 6.4: every JWS "MUST" carry a "url" header parameter; whether it is the request's is judged later.
  if (typeof url !== 'string')
    throw problem.malformed('The protected header must have the request\'s "url" as a string.')
  const nonce = parseNonceMember(header['nonce'])
  return { ...reference, alg, url, ...(nonce !== undefined && { nonce }) }
}

function refuseExtensions(header: JsonObject): void {
  // RFC 7515 section 4.1.11: an extension that is not understood makes the JWS invalid, and we understand none.
  if ('crit' in header)
    throw problem.malformed('The protected header has "crit", but no critical extension is offered.')
  // > The JWS Unencoded Payload Option [RFC7797] MUST NOT be used
  if ('b64' in header) throw problem.malformed('The protected header must not have "b64"; encode the payload.')
}

function parseAlgorithm(alg: unknown): JwsAlgorithm {
  if (typeof alg !== 'string') throw problem.malformed('The protected header must name its "alg" as a string.')
  const known = jwsAlgorithms.find((each) => each === alg)
  if (known) return known
  throw problem.badSignatureAlgorithm(
    `The JWS is signed with an algorithm that is not offered; use one of ${jwsAlgorithms.join(', ')}.`,
    { algorithms: jwsAlgorithms },
  )
}

function parseKeyReference({ jwk, kid }: JsonObject): KeyReference {
  if ((jwk === undefined) === (kid === undefined)) {
    throw problem.malformed('The protected header must have exactly one of "jwk" and "kid" (RFC 8555 section 6.2).')
  }
  if (typeof kid === 'string') return { kid }
  if (isJsonObject(jwk)) return { jwk }
  throw problem.malformed('"jwk" must be a JSON object and "kid" the account URL as a string.')
}

/** Section 6.5.2: a nonce that is not base64url makes the JWS malformed, whoever minted it. */
function parseNonceMember(nonce: unknown): string | undefined {
  if (nonce === undefined) return undefined
  if (typeof nonce === 'string' && /^[A-Za-z0-9_-]+$/.test(nonce)) return nonce
  throw problem.malformed('The "nonce" must be a base64url string, exactly as the Replay-Nonce header gave it.')
}
