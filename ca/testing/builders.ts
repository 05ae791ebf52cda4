import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createSelfSignedCa, createSubordinateCa } from '../ca-certificate.ts'
import type { CaCertificateSpec } from '../ca-certificate.ts'
import { CaError } from '../errors.ts'
import type { CaErrorCode } from '../errors.ts'
import { loadIssuingCa } from '../issuer.ts'
import type { IssuingCa } from '../issuer.ts'
import { generatePrivateKey } from '../keys.ts'
import type { KeySpec } from '../keys.ts'
import { buildLeafTbs, signTbsCertificate } from '../leaf-certificate.ts'
import type { LeafPlan } from '../leaf-certificate.ts'
import { encodePem } from '../pem.ts'
import { generateSerialNumber } from '../serial-number.ts'
import { createLocalSigner } from '../signer.ts'

/** Long ago and far ahead, so that verifiers with a clock of their own accept what the tests make. */
export const caNotBefore = new Date('2025-01-01T00:00:00Z')
export const caNotAfter = new Date('2080-01-01T00:00:00Z')

const keys = new Map<string, Promise<KeyObject>>()

/** A key of this kind, made once for each process: RSA keys are slow to make. `label` tells apart those that must differ. */
export function aKey(spec: KeySpec, label = ''): Promise<KeyObject> {
  const id = `${JSON.stringify(spec)} ${label}`
  const key = keys.get(id) ?? generatePrivateKey(spec)
  keys.set(id, key)
  return key
}

export function spkiOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

export const p256: KeySpec = { algorithm: 'ECDSA', curve: 'P-256' }

/** A self-signed CA, loaded. */
export async function aRootCa(changes: Partial<CaCertificateSpec> = {}, keySpec: KeySpec = p256): Promise<IssuingCa> {
  const privateKey = await aKey(keySpec, 'root')
  const certificateDer = await createSelfSignedCa(caSpec('Test Root', changes), createLocalSigner(privateKey))
  return loadIssuingCa({ certificateDer, chainPem: '', rootPem: encodePem('CERTIFICATE', certificateDer) }, privateKey)
}

/** A CA under another, loaded. */
export async function aSubordinateCa(
  issuer: IssuingCa,
  changes: Partial<CaCertificateSpec> = {},
  keySpec: KeySpec = p256,
): Promise<IssuingCa> {
  const privateKey = await aKey(keySpec, 'intermediate')
  const certificateDer = await createSubordinateCa(caSpec('Test Intermediate', changes), {
    subjectPublicKeyInfoDer: spkiOf(privateKey),
    issuer,
  })
  const chainPem = encodePem('CERTIFICATE', certificateDer) + issuer.chainPem
  return loadIssuingCa({ certificateDer, chainPem, rootPem: issuer.rootPem }, privateKey)
}

function caSpec(commonName: string, changes: Partial<CaCertificateSpec>): CaCertificateSpec {
  return {
    subject: { commonName, organization: ['Test'] },
    notBefore: caNotBefore,
    notAfter: caNotAfter,
    serialNumber: generateSerialNumber(),
    ...changes,
  }
}

/** A plan for a leaf under `issuer`. */
export async function aLeafPlan(
  issuer: IssuingCa,
  changes: Partial<LeafPlan> = {},
  keySpec: KeySpec = p256,
): Promise<LeafPlan> {
  return {
    issuer: issuer.certificate,
    signatureAlgorithm: issuer.signer.signatureAlgorithm,
    subjectPublicKeyInfoDer: spkiOf(await aKey(keySpec, 'leaf')),
    serialNumber: generateSerialNumber(),
    notBefore: new Date('2025-06-01T00:00:00Z'),
    notAfter: new Date('2049-12-31T23:59:59Z'),
    dnsNames: ['www.example.com'],
    ipAddresses: [],
    keyUsages: ['digitalSignature'],
    extendedKeyUsages: ['serverAuth'],
    ...changes,
  }
}

/** PEM of a leaf, signed without a look by the linter. */
export async function signedLeafPem(issuer: IssuingCa, plan: LeafPlan): Promise<string> {
  return encodePem('CERTIFICATE', await signTbsCertificate(buildLeafTbs(plan), issuer.signer))
}

/** Asserts that a CaError with this code is thrown, and returns its message. */
export async function assertRefused(code: CaErrorCode, attempt: () => unknown): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    assert.equal(error.code, code, error.message)
    return error.message
  }
  return assert.fail(`expected a refusal with ${code}`)
}
