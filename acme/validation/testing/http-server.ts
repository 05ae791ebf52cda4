import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { listen } from './context.ts'

export interface FakeHttpServer {
  readonly port: number
  /** `"<Host header> <path>"` of each request. */
  readonly requests: string[]
}

/** A well-behaved HTTP server on loopback, closed after the test. */
export async function startHttpServer(
  t: Pick<TestContext, 'after'>,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<FakeHttpServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.headers.host} ${request.url}`)
    handle(request, response)
  })
  return { port: await listen(t, server), requests }
}

/** A handler that redirects to the location. */
export function redirectTo(
  location: string,
  status = 302,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (_request, response) => response.writeHead(status, { Location: location }).end('moved')
}
