import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'

/** The members of RFC 8555 resources that the load generator reads. */
export interface Resource {
  status?: string
  authorizations?: string[]
  challenges?: { type: string; url: string; token: string; status: string }[]
  finalize?: string
  certificate?: string
  /** Of a problem document (RFC 7807). */
  type?: string
  detail?: string
}

export interface Reply {
  status: number
  location: string | undefined
  body: string
}

export interface Account {
  key: KeyObject
  /** The account URL, sent as `kid`. */
  url: string
  thumbprint: string
}

/** A reply that ends an issuance; `key` groups failures of one kind in the report. */
export class UnexpectedReply extends Error {
  readonly key: string

  constructor(step: string, reply: Reply) {
    const problem = readProblem(reply.body)
    super(`${step}: HTTP ${reply.status}: ${problem.detail ?? reply.body.slice(0, 200)}`)
    this.key = `${step} ${reply.status} ${problem.type?.split(':').at(-1) ?? 'no-problem-document'}`
  }
}

/** Signed requests over kept-alive connections. Everything is counted, nothing but a badNonce is repeated. */
export interface AcmeConnection {
  readonly counts: { requests: number; badNonceRetries: number; newNonces: number }
  register(): Promise<Account>
  newOrder(account: Account, payload: object): Promise<Reply>
  /** POST-as-GET where `payload` is the empty string (RFC 8555 section 6.3). */
  post(account: Account, url: string, payload: object | ''): Promise<Reply>
  close(): void
}

interface Directory {
  newNonce: string
  newAccount: string
  newOrder: string
}

export async function connect(options: {
  directoryUrl: string
  caPem: Buffer | undefined
  concurrency: number
}): Promise<AcmeConnection> {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: options.concurrency,
    ...(options.caPem && { ca: options.caPem }),
  })
  const counts = { requests: 0, badNonceRetries: 0, newNonces: 0 }
  const nonces: string[] = []

  async function exchange(method: 'GET' | 'HEAD' | 'POST', url: string, body?: string): Promise<Reply> {
    counts.requests++
    const { reply, nonce } = await send(agent, { method, url, body })
    if (nonce) nonces.push(nonce)
    return reply
  }

  async function takeNonce(): Promise<string> {
    const pooled = nonces.pop()
    if (pooled) return pooled
    counts.newNonces++
    await exchange('HEAD', directory.newNonce)
    const fresh = nonces.pop()
    if (!fresh) throw new Error(`${directory.newNonce} gave no Replay-Nonce`)
    return fresh
  }

  async function signedPost(signer: Signer, url: string, payload: object | ''): Promise<Reply> {
    const payloadText = payload === '' ? '' : base64url(JSON.stringify(payload))
    const attempt = async () => exchange('POST', url, signJws(signer, { url, nonce: await takeNonce(), payloadText }))
    const reply = await attempt()
    // RFC 8555 section 6.5: a badNonce is to be retried with the nonce of the error.
    if (reply.status !== 400 || !reply.body.includes('urn:ietf:params:acme:error:badNonce')) return reply
    counts.badNonceRetries++
    return attempt()
  }

  const reply = await exchange('GET', options.directoryUrl)
  if (reply.status !== 200) throw new UnexpectedReply('directory', reply)
  const directory: Directory = JSON.parse(reply.body)

  return {
    counts,
    async register() {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })
      const jwk = { crv, kty, x, y }
      const created = await signedPost({ key: privateKey, jwk }, directory.newAccount, { termsOfServiceAgreed: true })
      if (created.status !== 201 || !created.location) throw new UnexpectedReply('newAccount', created)
      // RFC 7638 section 3: the required members in lexicographic order, which is how `jwk` is written above.
      const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
      return { key: privateKey, url: created.location, thumbprint }
    },
    newOrder: (account, payload) => signedPost({ key: account.key, kid: account.url }, directory.newOrder, payload),
    post: (account, url, payload) => signedPost({ key: account.key, kid: account.url }, url, payload),
    close: () => agent.destroy(),
  }
}

/** The body of a successful reply; anything else than `expected` is an UnexpectedReply of `step`. */
export function readResource(step: string, reply: Reply, expected: number): Resource {
  if (reply.status !== expected) throw new UnexpectedReply(step, reply)
  return JSON.parse(reply.body)
}

type Signer = { key: KeyObject; kid: string } | { key: KeyObject; jwk: object }

function signJws(signer: Signer, parts: { url: string; nonce: string; payloadText: string }): string {
  const { url, nonce, payloadText } = parts
  const identity = 'kid' in signer ? { kid: signer.kid } : { jwk: signer.jwk }
  const header = base64url(JSON.stringify({ alg: 'ES256', ...identity, nonce, url }))
  const signature = sign('sha256', Buffer.from(`${header}.${payloadText}`), {
    key: signer.key,
    dsaEncoding: 'ieee-p1363',
  }).toString('base64url')
  return `{"protected":"${header}","payload":"${payloadText}","signature":"${signature}"}`
}

function send(
  agent: Agent,
  message: { method: string; url: string; body: string | undefined },
): Promise<{ reply: Reply; nonce: string | undefined }> {
  const { hostname, port, pathname, search } = new URL(message.url)
  const headers: OutgoingHttpHeaders = { 'User-Agent': 'certctl-bench' } // RFC 8555 section 6.1: MUST
  if (message.body !== undefined) {
    headers['Content-Type'] = 'application/jose+json'
    headers['Content-Length'] = Buffer.byteLength(message.body)
  }
  const options = { agent, method: message.method, hostname, port, path: pathname + search, headers }
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const nonce = incoming.headers['replay-nonce']
        resolve({
          reply: {
            status: incoming.statusCode ?? 0,
            location: incoming.headers.location,
            body: Buffer.concat(chunks).toString(),
          },
          nonce: typeof nonce === 'string' ? nonce : undefined,
        })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(message.body)
  })
}

function readProblem(body: string): Resource {
  try {
    return JSON.parse(body)
  } catch {
    return {}
  }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
