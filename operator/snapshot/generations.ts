import { CaError, loadIssuingCa, parseIssuerCertificate } from '../../ca/index.ts'
import type { IssuerCertificateView } from '../../store/issuers.ts'
import type { RegisteredGeneration } from '../issuer-registry.ts'
import type { SecretKey } from './secret-key.ts'

/** A generation as its row has it, without its key. Throws CaError for a certificate that can't be read. */
export function generationOf(row: IssuerCertificateView): RegisteredGeneration {
  const { id: issuerCertificateId, generation, certificateDer, chainPem, rootPem } = row
  const certificate = parseIssuerCertificate(new Uint8Array(certificateDer))
  return { issuerCertificateId, generation, certificate, chainPem, rootPem }
}

/** The same with the key, if it belongs to this generation's certificate and can sign for it. */
export function withKey(generation: RegisteredGeneration, { key, publicKeyDer }: SecretKey): RegisteredGeneration {
  const { certificate, chainPem, rootPem } = generation
  if (generation.ca !== undefined || !Buffer.from(publicKeyDer).equals(certificate.subjectPublicKeyInfoDer)) {
    return generation
  }
  try {
    const ca = loadIssuingCa({ certificateDer: certificate.der, chainPem, rootPem }, key)
    return { ...generation, ca }
  } catch (error) {
    // A chain that forbids it to issue, for example: the generation is shown and doesn't sign.
    if (error instanceof CaError) return generation
    throw error
  }
}
