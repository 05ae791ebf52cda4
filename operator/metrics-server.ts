import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { listenerTimeouts } from './listener.ts'
import type { Metrics } from './metrics.ts'
import { secureContext } from './secure-context.ts'
import type { TlsVersion } from './secure-context.ts'
import type { ServingCertificate } from './tls-leaf.ts'

/** The listener that Prometheus scrapes. */
export interface MetricsServer {
  readonly server: Server
  /** Shows another certificate to connections that begin from now on; without TLS it does nothing. */
  useCertificate(certificate: ServingCertificate): void
}

/** Serves `/metrics` and nothing else: with `tls` over HTTPS alone, without it over plain HTTP. */
export function createMetricsServer(
  metrics: Metrics,
  tls?: { certificate: ServingCertificate; minVersion: TlsVersion },
): MetricsServer {
  const answer: RequestListener = (request, response) => {
    if (request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.expose().then(
      ({ contentType, body }) => response.writeHead(200, { 'Content-Type': contentType }).end(body),
      () => response.writeHead(500).end(),
    )
  }
  if (tls === undefined) return { server: createServer(listenerTimeouts, answer), useCertificate: () => {} }
  const { certificate, minVersion } = tls
  const server = createSecureServer({ ...listenerTimeouts, ...secureContext(certificate, minVersion) }, answer)
  return { server, useCertificate: (changed) => server.setSecureContext(secureContext(changed, minVersion)) }
}
