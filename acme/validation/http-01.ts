import { timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { ValidationFailure, type ValidationRequest } from './challenge.ts'
import { type Dialer, nameOf, type Target } from './dialer.ts'
import { exchange, type HttpAnswer } from './http-exchange.ts'
import { handshake } from './tls-handshake.ts'

/** The ports validation connects to: 80 and 443, unless the server's configuration moves them. */
export interface ValidationPorts {
  readonly http: number
  readonly tls: number
}

export interface Http01Tools {
  readonly dialer: Dialer
  readonly ports: ValidationPorts
  readonly signal: AbortSignal
}

const MAX_REDIRECTS = 10
const MAX_REDIRECT_URL_LENGTH = 2000
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * RFC 8555 section 8.3: the key authorization is served over HTTP, whitespace at its end aside. Redirects are followed to
 * the two validation ports only, and each target is resolved and judged anew; a URL without a port means the configured
 * port of its scheme. Rejects with a ValidationFailure, or with the signal's reason.
 */
export async function checkHttp01(tools: Http01Tools, request: ValidationRequest): Promise<void> {
  let url = new URL(`http://${request.identifier.value}/.well-known/acme-challenge/${request.token}`)
  const identifier = url.hostname
  const visited = new Set([url.href])
  for (;;) {
    const target = targetOf(url, identifier, tools.ports)
    const answer = await get(tools, url, target)
    if (!REDIRECTS.has(answer.status)) {
      requireKeyAuthorization(answer, request.keyAuthorization, nameOf(target))
      return
    }
    url = redirectUrl(answer.location, url, tools.ports)
    if (visited.has(url.href)) throw refusedRedirect('it leads back to a URL already visited')
    if (visited.size > MAX_REDIRECTS) throw refusedRedirect(`it would be one of more than ${MAX_REDIRECTS}`)
    visited.add(url.href)
  }
}

function targetOf(url: URL, identifier: string, ports: ValidationPorts): Target {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: portOf(url, ports), disclosure: host === identifier ? 'identifier' : 'redirect' }
}

function portOf(url: URL, ports: ValidationPorts): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? ports.tls : ports.http
}

async function get({ dialer, signal }: Http01Tools, url: URL, target: Target): Promise<HttpAnswer> {
  const server = nameOf(target)
  const tcpSocket = await dialer.dial(target)
  const question = { hostHeader: url.host, path: `${url.pathname}${url.search}`, server, signal }
  if (url.protocol === 'http:') return exchange({ socket: tcpSocket, ...question })
  const serverName = isIP(target.host) === 0 ? target.host : undefined
  const socket = await handshake(tcpSocket, { serverName, protocol: 'http/1.1', peer: server, signal })
  return exchange({ socket, ...question })
}

function redirectUrl(location: string | undefined, base: URL, ports: ValidationPorts): URL {
  if (location === undefined) throw refusedRedirect('it has no Location')
  if (location.length > MAX_REDIRECT_URL_LENGTH) {
    throw refusedRedirect(`its URL is longer than ${MAX_REDIRECT_URL_LENGTH} characters`)
  }
  const url = URL.parse(location, base)
  if (url === null) throw refusedRedirect('its Location is not a URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refusedRedirect('its scheme is not http or https')
  if (url.username !== '' || url.password !== '') throw refusedRedirect('its URL holds a user or a password')
  const port = portOf(url, ports)
  if (port !== ports.http && port !== ports.tls) {
    throw refusedRedirect(`its port is neither ${ports.http} nor ${ports.tls}`)
  }
  url.hash = ''
  return url
}

/** Final: the rules that refuse it are ours, and what it says was written on purpose. */
function refusedRedirect(why: string): ValidationFailure {
  return new ValidationFailure('incorrectResponse', `A redirect is not followed: ${why}.`, { retry: false })
}

function requireKeyAuthorization({ status, body }: HttpAnswer, keyAuthorization: string, server: string): void {
  if (status !== 200) {
    throw new ValidationFailure('incorrectResponse', `${server} answered with the HTTP status ${status}, not 200.`)
  }
  const expected = Buffer.from(keyAuthorization)
  const received = withoutTrailingWhitespace(body)
  if (received.length === expected.length && timingSafeEqual(received, expected)) return
  const detail = `${server} served ${received.length} bytes that are not the key authorization of ${expected.length} bytes.`
  throw new ValidationFailure('incorrectResponse', detail)
}

const WHITESPACE = new Set(Buffer.from(' \t\r\n'))

/** By hand: a regular expression anchored at the end takes quadratic time on a body of nothing but spaces. */
function withoutTrailingWhitespace(body: Buffer): Buffer {
  let end = body.length
  while (end > 0 && WHITESPACE.has(body[end - 1] ?? 0)) end -= 1
  return body.subarray(0, end)
}
