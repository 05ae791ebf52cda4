import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { AnswerTooLarge, ApiServerUnreachable, KubernetesApiError } from './api-error.ts'
import type { ClusterCredentials, CredentialOptions } from './credentials.ts'
import { withDeadline } from './deadline.ts'
import type { Timers } from './timers.ts'

/** One request to the API server. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With the query. */
  readonly path: string
  readonly body?: string
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
}

/** Requests and answers; what the paths and bodies mean is not its matter. Throws as KubernetesClient promises. */
export interface ApiTransport {
  /** The JSON of a whole answer. */
  call(call: ApiCall): Promise<unknown>
  /** An answer that has begun; the caller reads or destroys it. The call's signal doesn't end it any more. */
  open(call: ApiCall): Promise<IncomingMessage>
  close(): void
}

/** A list of five hundred of the largest objects that etcd takes is more, but nobody has those. */
export const largestAnswerOctets = 64 * 1024 * 1024

/** The API server closes connections that have been idle for 90 s; ours go before, so that no request meets the closing. */
const idleConnectionMs = 60_000
const idleConnections = 8

export function createTransport(options: {
  credentials: ClusterCredentials
  timers: Timers
  userAgent: string
  requestTimeoutMs: number
}): ApiTransport {
  const { credentials, timers, userAgent, requestTimeoutMs } = options
  const base = new URL(credentials.url)
  const isTls = base.protocol === 'https:'
  const pooling = { keepAlive: true, maxFreeSockets: idleConnections, timeout: idleConnectionMs }
  const agent = isTls ? new HttpsAgent(pooling) : new HttpAgent(pooling)

  function request(call: ApiCall, tls: CredentialOptions, signal: AbortSignal): ClientRequest {
    const url = new URL(`${base.pathname.replace(/\/$/, '')}${call.path}`, base)
    const headers = {
      ...tls.headers,
      accept: 'application/json',
      'user-agent': userAgent,
      ...(call.body === undefined
        ? {}
        : { 'content-type': call.contentType ?? 'application/json', 'content-length': Buffer.byteLength(call.body) }),
    }
    const settings = { agent, ...tls, method: call.method, headers, signal }
    return isTls ? httpsRequest(url, settings) : httpRequest(url, settings)
  }

  /** Resolves with the beginning of the answer; rejects with the signal's reason even while credentials are being fetched. */
  function exchange(call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(reasonOf(signal))
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      credentials.requestOptions().then((tls) => {
        const sent = request(call, tls, signal)
        sent.on('response', resolve)
        sent.on('error', (error) => reject(isStale(call, sent, error) ? new StaleConnection() : error))
        sent.end(call.body)
      }, reject)
    })
  }

  async function begin(call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await exchange(call, signal)
    } catch (error) {
      if (error instanceof StaleConnection) return exchange(call, signal)
      throw error
    }
  }

  function refuseError(response: IncomingMessage, text: string): void {
    if (isSuccess(response)) return
    if (response.statusCode === 401) credentials.refused?.()
    throw errorOf(response, text)
  }

  async function within<T>(call: ApiCall, read: (response: IncomingMessage) => Promise<T>): Promise<T> {
    const outer = call.signal ?? new AbortController().signal
    const deadline = { timers, ms: requestTimeoutMs, signal: outer, what: `${call.method} ${pathOf(call)}` }
    try {
      return await withDeadline(deadline, (signal) => begin(call, signal).then(read).catch(aborted(signal)))
    } catch (error) {
      throw outer.aborted ? reasonOf(outer) : asUnreachable(error)
    }
  }

  return {
    call: (call) =>
      within(call, async (response) => {
        const text = await readText(response)
        refuseError(response, text)
        return parseJson(text)
      }),
    open: (call) =>
      within(call, async (response) => {
        if (!isSuccess(response)) refuseError(response, await readText(response))
        return response
      }),
    close: () => agent.destroy(),
  }
}

/** The peer closed a kept connection just as it was used again; a read may then simply be sent once more. */
class StaleConnection extends Error {}

function isStale(call: ApiCall, sent: ClientRequest, error: Error): boolean {
  const isReset = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
  return isReset && call.method === 'GET' && sent.reusedSocket
}

/** What fails after an abort fails because of it, whatever Node calls it. */
function aborted(signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    throw signal.aborted ? reasonOf(signal) : error
  }
}

/** Without the query. */
function pathOf({ path }: ApiCall): string {
  return path.split('?', 1)[0] ?? ''
}

/** A signal's reason as an error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}

/** Whatever isn't the API server's own word means that there was none. */
export function asUnreachable(error: unknown): Error {
  if (error instanceof KubernetesApiError || error instanceof ApiServerUnreachable) return error
  const words = error instanceof Error ? error.message : 'for an unknown reason'
  return new ApiServerUnreachable(`no answer from the API server: ${words}`, { cause: error })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let octets = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    octets += chunk.length
    // Leaving the loop destroys the response, and with it the connection.
    if (octets > largestAnswerOctets) {
      throw new AnswerTooLarge(`the API server's answer is larger than ${largestAnswerOctets} octets`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Unknown text as JSON. Throws ApiServerUnreachable: something between us and the API server answered in its place. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ApiServerUnreachable('the answer is not JSON, so it is not the API server that answers', { cause: error })
  }
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

function errorOf({ statusCode = 0, headers }: IncomingMessage, text: string): KubernetesApiError {
  const seconds = Number(headers['retry-after'])
  const retryAfterSeconds = Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined
  return statusError(isJson(headers) ? tryParse(text) : undefined, { status: statusCode, retryAfterSeconds })
}

function isJson(headers: IncomingMessage['headers']): boolean {
  return headers['content-type']?.startsWith('application/json') === true
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The error that a `Status` object tells of, in an answer or inside a watch. What isn't one still has its HTTP status. */
export function statusError(
  body: unknown,
  http: { status?: number; retryAfterSeconds?: number | undefined } = {},
): KubernetesApiError {
  const facts = membersOf(body)
  const details = membersOf(facts['details'])
  const status = http.status ?? (typeof facts['code'] === 'number' ? facts['code'] : 500)
  const told = details['retryAfterSeconds']
  return new KubernetesApiError(textOr(facts['message'], `the API server answered with status ${status}`), {
    status,
    reason: textOr(facts['reason'], ''),
    retryAfterSeconds: http.retryAfterSeconds ?? (typeof told === 'number' ? told : undefined),
    details: facts['details'],
  })
}

/** The members of what may be an object. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  // Boundary: any object may be asked for members of any name.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
