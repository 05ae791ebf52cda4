import { certificateProfile } from '../../api/certificate-profile.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import { check } from '../../api/check.ts'
import { networkErrors } from '../field-errors.ts'
import type { SpecOutcome } from '../field-errors.ts'

/** Reads a CertificateProfile, whatever it holds. */
export function readProfileSpec(content: unknown): SpecOutcome<CertificateProfileSpec, 'InvalidSpec' | 'InvalidCIDR'> {
  const checked = check(certificateProfile, content)
  if (!checked.ok) return { ok: false, reason: 'InvalidSpec', errors: checked.errors }
  const { spec } = checked.value
  const errors = [
    ...networkErrors(spec.acme.clientNetworks, ['spec', 'acme', 'clientNetworks']),
    ...networkErrors(spec.acme.validation.allowedNetworks, ['spec', 'acme', 'validation', 'allowedNetworks']),
  ]
  return errors.length === 0 ? { ok: true, spec } : { ok: false, reason: 'InvalidCIDR', errors }
}
