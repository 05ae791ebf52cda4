import type { Response } from 'express'
import { toDocument, type AcmeProblem } from './problems.ts'

/** What a handler answers. It never touches Express. */
export interface Reply {
  readonly status: number
  readonly location?: string
  /** Seconds; RFC 8555 section 7.5.1 for work under way. */
  readonly retryAfterSeconds?: number
  /** Link relations beside `index`, for example `up` (section 7.5.1) or `next` (section 7.1.2.1). */
  readonly links?: readonly { readonly relation: string; readonly url: string }[]
  readonly json?: object
  /** `application/pem-certificate-chain`, section 7.4.2. */
  readonly pem?: string
  /** The id of what was made or changed, for the log line. */
  readonly resourceId?: string
}

/** What every answer of a directory carries. */
export interface ReplyContext {
  readonly nonce: string
  /** Absent on the directory itself: section 7.1 asks for `Link: rel="index"` on every other resource. */
  readonly indexUrl?: string
}

/** Sends a handler's reply with its nonce (section 6.5) and `Link: rel="index"` (section 7.1). */
export function sendReply(response: Response, reply: Reply, context: ReplyContext): void {
  setCommonHeaders(response, context)
  if (reply.location !== undefined) response.set('Location', reply.location)
  if (reply.retryAfterSeconds !== undefined) response.set('Retry-After', String(reply.retryAfterSeconds))
  for (const { relation, url } of reply.links ?? []) response.append('Link', `<${url}>;rel="${relation}"`)
  response.status(reply.status)
  if (reply.pem !== undefined) sendBody(response, 'application/pem-certificate-chain', reply.pem)
  else if (reply.json !== undefined) sendBody(response, 'application/json', JSON.stringify(reply.json))
  else sendNothing(response)
}

/** Sends a problem document (RFC 7807) with the same headers: an error without a nonce would strand the client. */
export function sendProblem(response: Response, problem: AcmeProblem, context: ReplyContext): void {
  setCommonHeaders(response, context)
  for (const [name, value] of Object.entries(problem.headers ?? {})) response.append(name, value)
  if (problem.retryAfterSeconds !== undefined) response.set('Retry-After', String(problem.retryAfterSeconds))
  response.status(problem.status)
  sendBody(response, 'application/problem+json', JSON.stringify(toDocument(problem)))
}

function setCommonHeaders(response: Response, { nonce, indexUrl }: ReplyContext): void {
  response.set('Replay-Nonce', nonce)
  response.set('Cache-Control', 'no-store')
  if (indexUrl !== undefined) response.append('Link', `<${indexUrl}>;rel="index"`)
}

/** Without a length, Node's own client takes the answer to HEAD for one that ends with its connection. */
function sendNothing(response: Response): void {
  if (response.statusCode !== 204) response.set('Content-Length', '0')
  response.end()
}

/** `response.send` would add a charset to the media type and hash the body for an ETag. */
function sendBody(response: Response, contentType: string, body: string): void {
  response.setHeader('Content-Type', contentType)
  response.end(body)
}
