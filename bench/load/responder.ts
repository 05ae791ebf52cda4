import { once } from 'node:events'
import { createServer } from 'node:http'

/** Answers http-01 validations (RFC 8555 section 8.3) over real HTTP, for any host name. */
export interface Responder {
  readonly fetches: () => number
  expect(token: string, keyAuthorization: string): void
  forget(token: string): void
  close(): void
}

const challengePath = '/.well-known/acme-challenge/'

export async function startResponder(port: number): Promise<Responder> {
  const keyAuthorizations = new Map<string, string>()
  let fetches = 0
  const server = createServer((request, response) => {
    fetches++
    const path = request.url ?? ''
    const keyAuthorization = path.startsWith(challengePath)
      ? keyAuthorizations.get(path.slice(challengePath.length))
      : undefined
    response.statusCode = keyAuthorization ? 200 : 404
    response.setHeader('Content-Type', 'application/octet-stream')
    response.end(keyAuthorization ?? 'unknown token')
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    fetches: () => fetches,
    expect: (token, keyAuthorization) => keyAuthorizations.set(token, keyAuthorization),
    forget: (token) => keyAuthorizations.delete(token),
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
