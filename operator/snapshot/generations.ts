import type { KeyObject } from 'node:crypto'
import { CaError, loadIssuingCa, parseIssuerCertificate } from '../../ca/index.ts'
import type { IssuerCertificateView } from '../../store/issuers.ts'
import type { RegisteredGeneration } from '../issuer-registry.ts'

/** A generation as its row has it, without its key. Throws CaError for a certificate that can't be read. */
export function generationOf(row: IssuerCertificateView): RegisteredGeneration {
  const { id: issuerCertificateId, generation, certificateDer, chainPem, rootPem } = row
  const certificate = parseIssuerCertificate(new Uint8Array(certificateDer))
  return { issuerCertificateId, generation, certificate, chainPem, rootPem }
}

/** The same with the key, if it belongs to this generation's certificate and can sign for it. */
export function withKey(generation: RegisteredGeneration, key: KeyObject): RegisteredGeneration {
  if (generation.ca !== undefined) return generation
  const { certificate, chainPem, rootPem } = generation
  try {
    return { ...generation, ca: loadIssuingCa({ certificateDer: certificate.der, chainPem, rootPem }, key) }
  } catch (error) {
    // Another generation's key, or a chain that forbids this one to issue: it is shown and doesn't sign.
    if (error instanceof CaError) return generation
    throw error
  }
}
