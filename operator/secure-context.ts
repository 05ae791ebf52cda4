import type { ServingCertificate } from './tls-leaf.ts'

/** What a server shows, and how it speaks, as `createServer` and `setSecureContext` want it. */
export interface SecureContext {
  readonly cert: string
  readonly key: string
  readonly minVersion: TlsVersion
}

/** The oldest version that a server speaks. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** The context with this certificate. */
export function secureContext({ certPem, keyPem }: ServingCertificate, minVersion: TlsVersion): SecureContext {
  return { cert: certPem, key: keyPem, minVersion }
}
