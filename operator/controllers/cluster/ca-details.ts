import { X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { IssuingCa } from '../../../ca/index.ts'
import type { IssuerStatus } from '../../api/issuer-status.ts'
import type { KnownGeneration } from '../issuer/plan.ts'

/** What an Issuer's status says of the CA that signs. A CA that is about to be adopted is the next generation. */
export function caDetails(
  { certificate, signer }: IssuingCa,
  generations: readonly KnownGeneration[],
): NonNullable<IssuerStatus['ca']> {
  const known = generations.find(({ sha256Fingerprint }) => sha256Fingerprint === certificate.sha256Fingerprint)
  return {
    subject: subjectOf(certificate.der),
    generation: known?.generation ?? (generations.at(-1)?.generation ?? 0) + 1,
    serialNumber: certificate.serialNumber,
    notBefore: wholeSeconds(certificate.notBefore),
    notAfter: wholeSeconds(certificate.notAfter),
    sha256Fingerprint: certificate.sha256Fingerprint,
    subjectKeyId: Buffer.from(certificate.subjectKeyId).toString('hex'),
    keyAlgorithm: keyAlgorithmOf(signer.publicKey),
  }
}

/** The common name first, as people write it. */
function subjectOf(der: Uint8Array): string {
  return new X509Certificate(der).subject.split('\n').toReversed().join(', ')
}

function wholeSeconds(time: Date): string {
  return time.toISOString().replace(/\.[0-9]+Z$/, 'Z')
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

function keyAlgorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  if (type === 'ec') return `ECDSA ${curves[details?.namedCurve ?? ''] ?? details?.namedCurve ?? ''}`
  return type === 'rsa' ? `RSA ${details?.modulusLength ?? ''}` : 'Ed25519'
}
