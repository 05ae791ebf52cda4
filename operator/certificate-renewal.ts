import type { Log } from '../acme/ports.ts'
import type { Clock } from './clock.ts'
import { startLoop } from './loops.ts'
import type { Loop } from './loops.ts'
import type { ServingCertificates } from './tls.ts'
import type { ServingCertificate } from './tls-leaf.ts'

/** Whatever shows the listener's certificate. */
export interface ShowsCertificate {
  useCertificate(certificate: ServingCertificate): void
}

const certificateCheckSeconds = 30

/** Renews or rereads the listener's certificate; every listener shows it as soon as it has changed. */
export function keepCertificate(parts: {
  listeners: readonly ShowsCertificate[]
  certificates: ServingCertificates
  clock: Clock
  log: Log
}): Loop {
  const { listeners, certificates, clock, log } = parts
  let shown: string | undefined
  return startLoop({
    name: "renewing the listener's certificate",
    intervalSeconds: certificateCheckSeconds,
    log,
    async work() {
      const certificate = await certificates.current(clock.now())
      if (certificate.certPem === shown) return
      for (const listener of listeners) listener.useCertificate(certificate)
      if (shown !== undefined) log.info({}, "the listener's certificate has changed")
      shown = certificate.certPem
    },
  })
}
