import { createPrivateKey, generateKeyPair } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { CaError } from './errors.ts'

export type Curve = 'P-256' | 'P-384' | 'P-521'

/** A key pair to be made. */
export type KeySpec =
  | { readonly algorithm: 'ECDSA'; readonly curve: Curve }
  | { readonly algorithm: 'RSA'; readonly bits: 2048 | 3072 | 4096 }
  | { readonly algorithm: 'Ed25519' }

/** One kind of public key that a profile accepts; an absent bound accepts whatever `assertSoundKey` does. */
export type KeyPolicyRule =
  | { readonly algorithm: 'ECDSA'; readonly curves?: readonly Curve[] | undefined }
  | { readonly algorithm: 'RSA'; readonly minBits?: number | undefined; readonly maxBits?: number | undefined }
  | { readonly algorithm: 'Ed25519' }

/** A key is allowed when one rule allows it. Plain JSON. */
export type KeyPolicy = readonly KeyPolicyRule[]

const generatePair = promisify(generateKeyPair)

/** Makes a key pair on the thread pool and returns its private half. */
export async function generatePrivateKey(spec: KeySpec): Promise<KeyObject> {
  switch (spec.algorithm) {
    case 'ECDSA':
      return (await generatePair('ec', { namedCurve: spec.curve })).privateKey
    case 'RSA':
      return (await generatePair('rsa', { modulusLength: spec.bits })).privateKey
    case 'Ed25519':
      return (await generatePair('ed25519')).privateKey
  }
}

/** Throws 'key-not-allowed', naming what is allowed, unless one rule of the policy accepts the key. */
export function assertKeyAllowed(publicKey: KeyObject, policy: KeyPolicy): void {
  if (policy.some((rule) => ruleAllows(rule, publicKey))) return
  const allowed = policy.map(describeRule).join(', ')
  throw new CaError('key-not-allowed', `the key is ${describeKey(publicKey)}; allowed are: ${allowed || 'none'}`)
}

const curveNames: ReadonlyMap<string | undefined, Curve> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
])

function ruleAllows(rule: KeyPolicyRule, key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails
  switch (rule.algorithm) {
    case 'ECDSA': {
      const curve = curveNames.get(details?.namedCurve)
      return curve !== undefined && (rule.curves ?? [curve]).includes(curve)
    }
    case 'RSA':
      return key.asymmetricKeyType === 'rsa' && isWithin(details?.modulusLength ?? 0, rule.minBits, rule.maxBits)
    case 'Ed25519':
      return key.asymmetricKeyType === 'ed25519'
  }
}

function isWithin(value: number, least = 0, most = Infinity): boolean {
  return value >= least && value <= most
}

function describeRule(rule: KeyPolicyRule): string {
  switch (rule.algorithm) {
    case 'ECDSA':
      return rule.curves ? `ECDSA (${rule.curves.join(', ')})` : 'ECDSA'
    case 'RSA': {
      const bounds = [rule.minBits && `from ${rule.minBits}`, rule.maxBits && `to ${rule.maxBits}`].filter(Boolean)
      return bounds.length > 0 ? `RSA (${bounds.join(' ')} bits)` : 'RSA'
    }
    case 'Ed25519':
      return 'Ed25519'
  }
}

/** A key in words: `ECDSA P-256`, `RSA with 2048 bits`. */
export function describeKey(key: KeyObject): string {
  const details = key.asymmetricKeyDetails
  switch (key.asymmetricKeyType) {
    case 'ec':
      return `ECDSA ${curveNames.get(details?.namedCurve) ?? details?.namedCurve ?? 'on a curve of its own'}`
    case 'rsa':
      return `RSA with ${details?.modulusLength} bits`
    case 'ed25519':
      return 'Ed25519'
    default:
      return key.asymmetricKeyType ?? key.type
  }
}

/** Reads a private key from PEM: PKCS#8, PKCS#1 or SEC 1, unencrypted. 'secret-invalid' says what else it is. */
export function parsePrivateKeyPem(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) {
    throw new CaError(
      'secret-invalid',
      'the private key is encrypted; store it unencrypted, as `openssl pkey -in key.pem` writes it',
    )
  }
  if (!/-----BEGIN (EC |RSA )?PRIVATE KEY-----/.test(pem)) {
    throw new CaError('secret-invalid', 'there is no private key in PEM (PKCS#8, PKCS#1 or SEC 1)')
  }
  try {
    return createPrivateKey({ key: pem, format: 'pem' })
  } catch (cause) {
    throw new CaError('secret-invalid', 'the private key can not be read', { cause })
  }
}
