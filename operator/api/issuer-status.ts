import { z } from 'zod'
import { conditions, observedGeneration, reference, statusText, statusTime } from './status.ts'
import type { Immutable } from './status.ts'

const ca = z
  .object({
    subject: statusText('Name of the CA as a distinguished name (RFC 4514).', 4096),
    serialNumber: statusText('Serial number in lower-case hex.', 64),
    notBefore: statusTime('Begin of its validity.'),
    notAfter: statusTime('End of its validity.'),
    sha256Fingerprint: statusText('SHA-256 of the certificate in lower-case hex.', 64),
    keyAlgorithm: statusText('Kind of key with its curve or size, for example ECDSA P-384.', 64),
    subjectKeyId: statusText('Subject key identifier in lower-case hex.', 128),
    generation: z.int32().min(1).meta({ description: 'Counts the CA certificates that this Issuer had, from 1.' }),
  })
  .meta({ description: 'The CA certificate that signs.' })

/** What the operator says about an Issuer. */
export const issuerStatus = z
  .object({
    observedGeneration,
    conditions,
    ca: ca.optional(),
    chainConfigMap: reference(
      'ConfigMap of the same namespace with the CA certificate, its chain and root.',
    ).optional(),
    keySecret: reference('Secret of the same namespace with the key of the CA.').optional(),
    csr: statusText(
      'Subordinate in mode External: the request that the other CA is to sign, in PEM.',
      16_384,
    ).optional(),
    boundProfiles: z
      .int32()
      .min(0)
      .optional()
      .meta({ description: 'CertificateProfiles that name this Issuer and may.' }),
  })
  .meta({ description: 'What the operator says about it.' })

export type IssuerStatus = Immutable<z.output<typeof issuerStatus>>
