import { z } from 'zod'
import { conditions, observedGeneration, reference, statusText } from './status.ts'
import type { Immutable } from './status.ts'

/** What the operator says about a CertificateProfile. */
export const certificateProfileStatus = z
  .object({
    observedGeneration,
    conditions,
    profileID: statusText('Id of the profile in URLs.', 127).optional(),
    revision: z
      .int32()
      .min(1)
      .optional()
      .meta({ description: 'Number of the policy that is served, counted up when it changes.' }),
    policyHash: statusText('SHA-256 of that policy in lower-case hex.', 64).optional(),
    acme: z
      .object({ directoryURL: statusText('URL of the ACME directory.', 2048) })
      .optional()
      .meta({ description: 'Where clients find the directory.' }),
    issuer: z
      .object({
        namespace: statusText('Its namespace.', 63),
        name: statusText('Its name.', 63),
        uid: statusText('Its uid.', 128),
        fingerprint: statusText('SHA-256 of its CA certificate in lower-case hex.', 64).optional(),
      })
      .optional()
      .meta({ description: 'The Issuer that signs.' }),
    clusterIssuer: reference(
      'The ClusterIssuer of cert-manager that the operator keeps for this directory.',
    ).optional(),
  })
  .meta({ description: 'What the operator says about it.' })

export type CertificateProfileStatus = Immutable<z.output<typeof certificateProfileStatus>>
