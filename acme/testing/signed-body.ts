import { generateSigningKey, signJws, type SigningKey } from './signing-key.ts'

/** Ways to be wrong. Each changes one thing of a body that is right without it; what it changes is still signed. */
export interface Misbehaviour {
  /** Sign with this key and still claim to be the account, or the jwk, of the other. */
  readonly signWith?: SigningKey
  /** What the header claims. */
  readonly alg?: string
  readonly nonce?: string
  readonly withoutNonce?: boolean
  readonly withUrl?: string
  readonly withoutUrl?: boolean
  /** Claim this account, whatever ours is. */
  readonly kid?: string
  /** True: the account's key instead of its URL; an object: this as `jwk`. */
  readonly embedJwk?: boolean | object
  /** With `embedJwk`, both. */
  readonly keepKid?: boolean
  readonly extraProtected?: object
  readonly unprotectedHeader?: object
  /** Members beside protected, payload and signature. */
  readonly extraMembers?: object
  /** Sent as the encoded payload, in place of the payload. */
  readonly encodedPayload?: string
  /** Changes the signature after it was made. */
  readonly tamper?: (signature: Buffer) => Uint8Array
}

export interface SignedBodyParts {
  readonly key: SigningKey
  readonly url: string
  readonly nonce?: string
  /** The account's URL; absent, the key itself is embedded. */
  readonly kid?: string
  /** Undefined is POST-as-GET's empty payload. */
  readonly payload?: unknown
}

/** A request body as RFC 8555 section 6.2 wants it, but for what misbehaves. */
export function signedBody(parts: SignedBodyParts, wrong: Misbehaviour = {}): string {
  const header = { ...protectedMembers(parts, wrong), ...wrong.extraProtected }
  const encodedHeader = base64url(JSON.stringify(header))
  const payload = parts.payload === undefined ? '' : JSON.stringify(parts.payload)
  const encodedPayload = wrong.encodedPayload ?? base64url(payload)
  const signature = signJws(`${encodedHeader}.${encodedPayload}`, wrong.signWith ?? parts.key)
  return JSON.stringify({
    protected: encodedHeader,
    payload: encodedPayload,
    signature: base64url(wrong.tamper ? wrong.tamper(signature) : signature),
    ...(wrong.unprotectedHeader && { header: wrong.unprotectedHeader }),
    ...wrong.extraMembers,
  })
}

function protectedMembers({ key, url, nonce, kid }: SignedBodyParts, wrong: Misbehaviour): object {
  const claimedNonce = wrong.nonce ?? nonce
  return {
    alg: wrong.alg ?? key.alg,
    ...(wrong.withoutUrl !== true && { url: wrong.withUrl ?? url }),
    ...(wrong.withoutNonce !== true && claimedNonce !== undefined && { nonce: claimedNonce }),
    ...keyMembers(key, kid, wrong),
  }
}

function keyMembers(key: SigningKey, kid: string | undefined, wrong: Misbehaviour): object {
  const claimed = wrong.kid ?? kid
  const embeds = wrong.embedJwk ?? claimed === undefined
  if (embeds === false) return claimed === undefined ? {} : { kid: claimed }
  return {
    jwk: embeds === true ? key.jwk : embeds,
    ...(wrong.keepKid === true && claimed !== undefined && { kid: claimed }),
  }
}

function base64url(content: string | Uint8Array): string {
  return Buffer.from(content).toString('base64url')
}

/** A well-formed body from nobody in particular, for tests that only need one. */
export function anySignedBody(wrong: Misbehaviour = {}, key: SigningKey = generateSigningKey()): Buffer {
  const parts = { key, url: 'https://acme.test/acme/new-account', nonce: 'bm9uY2U', payload: { any: 'thing' } }
  return Buffer.from(signedBody(parts, wrong))
}
