import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { IssuerRegistry } from './issuer-registry.ts'
import { listenerTimeouts } from './listener.ts'

interface Document {
  readonly contentType: string
  readonly body: Uint8Array | string
}

/**
 * Publishes CA certificates over plain HTTP, since whoever verifies a chain has no trusted TLS yet (RFC 5280 section 8):
 * `/ca/<issuer>/<generation>.crt` for caIssuers and `/ca/<issuer>.pem`, chain and root, for people.
 */
export function createPkiServer(registry: IssuerRegistry): Server {
  return createServer(listenerTimeouts, (request, response) => answer(registry, request, response))
}

function answer(registry: IssuerRegistry, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('X-Content-Type-Options', 'nosniff')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return send(response, 405, { contentType: 'text/plain', body: 'use GET\n' })
  }
  const document = findDocument(registry, request.url?.split('?', 1)[0] ?? '')
  if (document === undefined) {
    return send(response, 404, { contentType: 'text/plain', body: 'no such CA certificate\n' })
  }
  response.setHeader('Cache-Control', 'public, max-age=3600')
  send(response, 200, document)
}

function findDocument(registry: IssuerRegistry, path: string): Document | undefined {
  const match = /^\/ca\/([-a-z0-9.]+?)(?:\/([0-9]{1,9})\.crt|\.pem)$/.exec(path)
  if (match === null) return undefined
  const issuer = registry.published(match[1] ?? '')
  if (match[2] === undefined) {
    const current = issuer?.generations.find(({ issuerCertificateId }) => issuerCertificateId === issuer.current)
    return current && { contentType: 'application/x-pem-file', body: current.chainPem + current.rootPem }
  }
  const generation = issuer?.generations.find((one) => one.generation === Number(match[2]))
  // RFC 2585 section 4.1
  return generation && { contentType: 'application/pkix-cert', body: generation.certificate.der }
}

function send(response: ServerResponse, status: number, { contentType, body }: Document): void {
  response.statusCode = status
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.end(body)
}
