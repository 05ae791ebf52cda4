import { randomUUID } from 'node:crypto'
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express'
import { readClientAddress } from './client-address.ts'
import { findDirectory, directoryPath } from './directories.ts'
import type { AcmeDeps } from './deps.ts'
import { createLinks, type Links } from './links.ts'
import type { Log } from './ports.ts'
import { AcmeProblem, problem, serviceUnavailable } from './problems.ts'
import { sendProblem, sendReply } from './reply.ts'
import type { Route } from './route.ts'
import { routes } from './routes.ts'
import { problemOfUnexpected, problemOfUnreadableBody } from './unexpected-errors.ts'

/** Room for a JWS around a CSR of a hundred long names, and not for much more. */
const bodyLimit = '64kb'

/** One request on its way: what it is answered with, and what its log line tells. */
interface Exchange {
  readonly request: Request
  readonly response: Response
  readonly links: Links
  readonly requestId: string
  readonly endpoint: string
  readonly startedMs: number
  accountId?: string
}

/**
 * Promises an Express application that serves every directory: one for each profile below `/acme/profile/<id>`, and the
 * default profile's below `/acme`. Every answer, errors included, carries a nonce and, the directory apart, the index.
 */
export function createAcmeServer(deps: AcmeDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  // Links are made from the path, so it has one spelling.
  app.enable('case sensitive routing')
  app.set('trust proxy', [...deps.config.trustedProxies])
  // The type is judged by the request pipeline, which answers 415 as a problem document.
  app.use(express.raw({ type: () => true, limit: bodyLimit, inflate: false }))
  for (const base of ['/acme/profile/:profile', '/acme']) {
    for (const route of routes) {
      const path = base + route.path
      app[route.method === 'GET' ? 'get' : 'post'](path, (request, response) =>
        serve(deps, route, begin(deps, route.endpoint, request, response)),
      )
    }
    for (const [path, served] of Map.groupBy(routes, (route) => route.path)) {
      const endpoint = served[0]?.endpoint ?? 'unknown'
      app.all(base + path, (request, response) =>
        refuse(deps, begin(deps, endpoint, request, response), wrongMethod(served)),
      )
    }
  }
  app.use((request, response) => refuse(deps, begin(deps, 'unknown', request, response), unknownPath()))
  const onUnreadableBody: ErrorRequestHandler = (error, request, response, _next) =>
    refuse(deps, begin(deps, 'unknown', request, response), problemOfUnreadableBody(error))
  app.use(onUnreadableBody)
  return app
}

function begin(deps: AcmeDeps, endpoint: string, request: Request, response: Response): Exchange {
  const base = externalUrlFor(deps, request) + directoryPath(request.path)
  return {
    request,
    response,
    endpoint,
    links: createLinks(base),
    requestId: randomUUID(),
    startedMs: performance.now(),
  }
}

/** The Host header selects among the configured URLs and nothing else: a client cannot choose what links say. */
function externalUrlFor(deps: AcmeDeps, request: Request): string {
  const { externalUrls } = deps.config
  const host = request.headers.host
  return externalUrls.find((url) => new URL(url).host === host) ?? externalUrls[0]
}

async function serve(deps: AcmeDeps, route: Route, exchange: Exchange): Promise<void> {
  const { request, response, links } = exchange
  try {
    assertAvailable(deps)
    const reply = await route.answer(
      deps,
      {
        method: request.method,
        target: request.originalUrl,
        contentType: request.headers['content-type'],
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        clientAddress: readClientAddress(request.ip ?? ''),
        id: String(request.params['id'] ?? ''),
        query: new URLSearchParams(request.originalUrl.split('?', 2)[1]),
        directory: await findDirectory(deps, request.params['profile']),
        links,
        now: wholeSeconds(deps.clock.now()),
      },
      ({ accountId }) => (exchange.accountId = accountId),
    )
    const index = route.endpoint === 'directory' ? {} : { indexUrl: links.directory }
    sendReply(response, reply, { nonce: deps.nonces.mint(), ...index })
    finish(deps, exchange, { resource: reply.resourceId })
  } catch (error) {
    refuse(deps, exchange, error)
  }
}

const unavailableRetryAfterSeconds = 5

/** Comes before everything else: what this process knows of profiles may be out of date. */
function assertAvailable({ available }: AcmeDeps): void {
  const reason = available?.()
  if (reason === undefined) return
  const cause = new Error(reason)
  throw serviceUnavailable(
    'This server must catch up before it serves; try again soon.',
    unavailableRetryAfterSeconds,
    cause,
  )
}

/** Answers with the problem that an error is. What is not the client's fault is logged whole and shown as an id. */
function refuse(deps: AcmeDeps, exchange: Exchange, error: unknown): void {
  const { response, links, requestId } = exchange
  const refusal = error instanceof AcmeProblem ? error : problemOfUnexpected(error, requestId)
  if (refusal.status >= 500) deps.log.error({ requestId, err: refusal.cause ?? error }, 'a request could not be served')
  deps.metrics.problem(refusal.type)
  sendProblem(response, refusal, { nonce: deps.nonces.mint(), indexUrl: links.directory })
  finish(deps, exchange, { problem: refusal.type, detail: refusal.detail })
}

function finish(deps: AcmeDeps, exchange: Exchange, outcome: Parameters<Log['info']>[0]): void {
  const { request, response, endpoint, requestId, accountId } = exchange
  deps.metrics.request(endpoint, response.statusCode)
  deps.log.info(
    {
      requestId,
      method: request.method,
      path: request.path,
      endpoint,
      status: response.statusCode,
      milliseconds: Math.round(performance.now() - exchange.startedMs),
      address: readClientAddress(request.ip ?? ''),
      account: accountId,
      ...outcome,
    },
    'request',
  )
}

function wrongMethod(served: readonly Route[]): AcmeProblem {
  const allow = served.map(({ method }) => (method === 'GET' ? 'GET, HEAD' : 'POST')).join(', ')
  // Section 6.3: "the server MUST return an error … 405 (Method Not Allowed)" to a GET of what is read by POST-as-GET.
  return problem.malformed(`Use ${allow} here.`, { status: 405, headers: { Allow: allow } })
}

function unknownPath(): AcmeProblem {
  return problem.malformed('Nothing is served at this path; take the URLs from a directory.', { status: 404 })
}

/** The time within one request, in whole seconds as ACME and X.509 write it. */
function wholeSeconds(now: Date): Date {
  return new Date(Math.floor(now.getTime() / 1000) * 1000)
}
