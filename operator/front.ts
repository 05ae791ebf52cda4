import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { answerProbe } from './health.ts'
import type { Readiness } from './health.ts'
import { listenerTimeouts } from './listener.ts'
import { secureContext } from './secure-context.ts'
import type { TlsVersion } from './secure-context.ts'
import type { ServingCertificate } from './tls-leaf.ts'

/** The ACME listener. It answers probes from its first moment and everything else once `serve` has been called. */
export interface Front {
  readonly server: Server
  serve(app: RequestListener): void
  /** Shows another certificate to connections that begin from now on. */
  useCertificate(certificate: ServingCertificate): void
  /** From now on every answer ends its connection, so that clients go elsewhere. */
  drain(): void
}

/** Sockets beyond the limit that only probes may use: an orchestrator must not kill a busy process for being busy. */
const reservedConnections = 64

export function createFront(options: {
  certificate: ServingCertificate
  minVersion: TlsVersion
  maxConnections: number
  readiness: Readiness
}): Front {
  const { certificate, minVersion, maxConnections, readiness } = options
  let app: RequestListener | undefined
  let draining = false
  let connections = 0

  function answer(request: IncomingMessage, response: ServerResponse): void {
    if (draining) response.setHeader('Connection', 'close')
    if (answerProbe(request, response, readiness)) return
    if (app === undefined) refuse(response, 'The server has started and waits for its database; try again soon.')
    else if (connections > maxConnections) {
      response.setHeader('Connection', 'close')
      refuse(response, 'The server has as many connections as it can serve; try again soon.')
    } else app(request, response)
  }

  const server = createServer({ ...listenerTimeouts, ...secureContext(certificate, minVersion) }, answer)
  server.maxConnections = maxConnections + reservedConnections
  server.on('connection', (socket) => {
    connections += 1
    socket.on('close', () => (connections -= 1))
  })
  return {
    server,
    serve: (served) => void (app = served),
    useCertificate: (changed) => server.setSecureContext(secureContext(changed, minVersion)),
    drain: () => void (draining = true),
  }
}

/** 503, since cert-manager takes every 4xx for final. There is no nonce to give yet, and none is needed to come back. */
function refuse(response: ServerResponse, detail: string): void {
  response.statusCode = 503
  response.setHeader('Retry-After', '5')
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Content-Type', 'application/problem+json')
  response.end(JSON.stringify({ type: 'urn:ietf:params:acme:error:serverInternal', status: 503, detail }))
}
