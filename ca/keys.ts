import type { KeyObject } from 'node:crypto'

export type Curve = 'P-256' | 'P-384' | 'P-521'

/** A key pair to be made. */
export type KeySpec =
  | { readonly algorithm: 'ECDSA'; readonly curve: Curve }
  | { readonly algorithm: 'RSA'; readonly bits: 2048 | 3072 | 4096 }
  | { readonly algorithm: 'Ed25519' }

/** One kind of public key that a profile accepts; an absent bound accepts whatever `assertSoundKey` does. */
export type KeyPolicyRule =
  | { readonly algorithm: 'ECDSA'; readonly curves?: readonly Curve[] }
  | { readonly algorithm: 'RSA'; readonly minBits?: number; readonly maxBits?: number }
  | { readonly algorithm: 'Ed25519' }

/** A key is allowed when one rule allows it. Plain JSON. */
export type KeyPolicy = readonly KeyPolicyRule[]

/** Makes a key pair off the event loop and returns its private half. */
export function generatePrivateKey(spec: KeySpec): Promise<KeyObject> {
  return Promise.reject(new Error(`not built yet: ${spec.algorithm}`))
}

/** Throws 'key-not-allowed', naming what is allowed, unless one rule of the policy accepts the key. */
export function assertKeyAllowed(publicKey: KeyObject, policy: KeyPolicy): void {
  throw new Error(`not built yet: ${publicKey.type} ${policy.length}`)
}
