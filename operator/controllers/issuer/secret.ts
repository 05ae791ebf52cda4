import { CaError, loadCaSecret } from '../../../ca/index.ts'
import type { CaErrorCode, IssuingCa } from '../../../ca/index.ts'
import type { IssuerReason } from '../conditions.ts'
import type { Found } from './plan.ts'

/** The Secret that a CASecret Issuer names, as its manifest came out. */
export type SecretOutcome =
  | { readonly state: 'missing' }
  | { readonly state: 'invalid'; readonly message: string }
  | { readonly state: 'read'; readonly values: ReadonlyMap<string, string> }

/** Reads the CA in a Secret: certificate and chain in tls.crt, the key in tls.key, trust anchors in ca.crt. */
export function readCaSecret(title: string, secret: SecretOutcome, now: Date): Found<IssuingCa> {
  if (secret.state === 'missing') {
    return { ok: false, reason: 'SecretNotFound', message: `there is no ${title}; add it or correct secretRef` }
  }
  if (secret.state === 'invalid') return { ok: false, reason: 'SecretInvalid', message: `${title}: ${secret.message}` }
  const [certificatePem, keyPem, trustPem] = ['tls.crt', 'tls.key', 'ca.crt'].map((key) => secret.values.get(key))
  if (certificatePem === undefined || keyPem === undefined) {
    const missing = certificatePem === undefined ? 'tls.crt' : 'tls.key'
    return { ok: false, reason: 'SecretInvalid', message: `${title} has no ${missing}; add it` }
  }
  try {
    return {
      ok: true,
      value: loadCaSecret({ certificatePem, keyPem, ...(trustPem !== undefined && { trustPem }) }, now),
    }
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    return { ok: false, reason: reasons[error.code] ?? 'SecretInvalid', message: `${title}: ${error.message}` }
  }
}

const reasons: Partial<Record<CaErrorCode, IssuerReason>> = {
  'key-mismatch': 'KeyMismatch',
  'not-a-ca': 'NotACA',
  'chain-incomplete': 'ChainIncomplete',
  'chain-untrusted': 'ChainUntrusted',
  'ca-expired': 'CAExpired',
}
