import type { IncomingHttpHeaders } from 'node:http'
import { createTransport, type HttpResponse, type Transport } from './http.ts'
import { signedBody, type Misbehaviour } from './signed-body.ts'
import { generateSigningKey, type SigningKey } from './signing-key.ts'

/** A request may also be wrong outside of its JWS. */
export interface RequestOptions extends Misbehaviour {
  /** Sent in place of the signed body. */
  readonly rawBody?: string | Uint8Array
  readonly contentType?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface DirectoryBody {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  readonly newAuthz?: string
  readonly revokeCert?: string
  readonly keyChange?: string
  readonly renewalInfo?: string
  readonly meta?: Readonly<Record<string, unknown>>
}

export interface AccountBody {
  readonly status: string
  readonly contact?: readonly string[]
  readonly orders?: string
}

export interface ProblemBody {
  readonly type: string
  readonly detail: string
  readonly status: number
  readonly subproblems?: readonly { type: string; detail: string; identifier: IdentifierBody }[]
  readonly algorithms?: readonly string[]
  readonly instance?: string
}

export interface IdentifierBody {
  readonly type: string
  readonly value: string
}

export interface OrderBody {
  readonly status: string
  readonly expires?: string
  readonly identifiers: readonly IdentifierBody[]
  readonly authorizations: readonly string[]
  readonly finalize: string
  readonly notBefore?: string
  readonly notAfter?: string
  readonly certificate?: string
  readonly error?: ProblemBody
}

export interface AuthorizationBody {
  readonly status: string
  readonly identifier: IdentifierBody
  readonly challenges: readonly ChallengeBody[]
  readonly expires?: string
  readonly wildcard?: boolean
}

export interface ChallengeBody {
  readonly type: string
  readonly url: string
  readonly status: string
  readonly token: string
  readonly validated?: string
  readonly error?: ProblemBody
}

/** What the server answered, whatever it was. */
export interface AcmeResponse<Body> {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body of an answer that is no problem document; throws where it is one, showing the problem. */
  readonly body: Body
  readonly problem?: ProblemBody
  /** The Location header; throws where there is none. */
  readonly location: string
}

export interface AcmeClientOptions {
  readonly directoryUrl: string
  readonly key?: SigningKey
  readonly transport?: Transport
  /** Repeat a request that was answered with badNonce so many times; a test that expects one wants 0, the default. */
  readonly badNonceRetries?: number
}

/**
 * An ACME client for tests, able to misbehave in any single request. It reads every URL out of the server's answers and
 * shares no code with the server.
 */
export class AcmeClient {
  readonly directory: DirectoryBody
  readonly transport: Transport
  key: SigningKey
  accountUrl: string | undefined
  private readonly nonces: string[] = []
  private readonly badNonceRetries: number

  private constructor(options: AcmeClientOptions, transport: Transport, directory: DirectoryBody) {
    this.directory = directory
    this.transport = transport
    this.key = options.key ?? generateSigningKey()
    this.badNonceRetries = options.badNonceRetries ?? 0
  }

  static async connect(options: AcmeClientOptions): Promise<AcmeClient> {
    const transport = options.transport ?? createTransport()
    const answer = await transport.send({ method: 'GET', url: options.directoryUrl })
    return new AcmeClient(options, transport, wrap<DirectoryBody>(answer).body)
  }

  /** Another client of the same directory, with a key and an account of its own. */
  another(key: SigningKey = generateSigningKey()): AcmeClient {
    const options = { directoryUrl: '', key, badNonceRetries: this.badNonceRetries }
    return new AcmeClient(options, this.transport, this.directory)
  }

  close(): void {
    this.transport.close()
  }

  /** An unsigned request. */
  async get<Body>(url: string, method = 'GET'): Promise<AcmeResponse<Body>> {
    return this.remember(wrap<Body>(await this.transport.send({ method, url })))
  }

  /** A signed request: with the account's URL once there is one, with the key before. */
  async post<Body>(url: string, payload: unknown, options: RequestOptions = {}): Promise<AcmeResponse<Body>> {
    for (let retries = this.badNonceRetries; ; retries--) {
      const answer = this.remember(wrap<Body>(await this.sendSigned(url, payload, options)))
      if (retries <= 0 || answer.problem?.type !== 'urn:ietf:params:acme:error:badNonce') return answer
    }
  }

  postAsGet<Body>(url: string, options: RequestOptions = {}): Promise<AcmeResponse<Body>> {
    return this.post<Body>(url, undefined, options)
  }

  /** A nonce that no request has used. */
  async freshNonce(): Promise<string> {
    if (this.nonces.length === 0) await this.get(this.directory.newNonce, 'HEAD')
    const nonce = this.nonces.pop()
    if (nonce === undefined) throw new Error('the server gave no Replay-Nonce')
    return nonce
  }

  async newAccount(payload: object = { termsOfServiceAgreed: true }, options: RequestOptions = {}) {
    const answer = await this.post<AccountBody>(this.directory.newAccount, payload, { embedJwk: true, ...options })
    if (answer.problem === undefined) this.accountUrl = answer.location
    return answer
  }

  newOrder(names: readonly string[], extra: object = {}, options: RequestOptions = {}) {
    const identifiers = names.map((value) => ({ type: 'dns', value }))
    return this.post<OrderBody>(this.directory.newOrder, { identifiers, ...extra }, options)
  }

  order(url: string, options: RequestOptions = {}) {
    return this.postAsGet<OrderBody>(url, options)
  }

  authorization(url: string, options: RequestOptions = {}) {
    return this.postAsGet<AuthorizationBody>(url, options)
  }

  /** Tells the server that the challenge is ready to be validated. */
  respond(challengeUrl: string, options: RequestOptions = {}) {
    return this.post<ChallengeBody>(challengeUrl, {}, options)
  }

  finalize(order: OrderBody, csrDer: Uint8Array, options: RequestOptions = {}) {
    return this.post<OrderBody>(order.finalize, { csr: Buffer.from(csrDer).toString('base64url') }, options)
  }

  certificate(url: string, options: RequestOptions = {}) {
    return this.postAsGet<string>(url, options)
  }

  /** By the account, or by the certificate's key where one is given. */
  revoke(certificateDer: Uint8Array, extra: object = {}, certificateKey?: SigningKey) {
    const payload = { certificate: Buffer.from(certificateDer).toString('base64url'), ...extra }
    const signer = certificateKey && { signWith: certificateKey, alg: certificateKey.alg, embedJwk: certificateKey.jwk }
    return this.post<undefined>(required(this.directory.revokeCert, 'revokeCert'), payload, signer)
  }

  /** Changes the account key; `inner` misbehaves in the inner JWS alone. */
  async changeKey(newKey: SigningKey, inner: Misbehaviour = {}, options: RequestOptions = {}) {
    const url = required(this.directory.keyChange, 'keyChange')
    const payload = { account: this.accountUrl, oldKey: this.key.jwk }
    const body: unknown = JSON.parse(signedBody({ key: newKey, url, payload }, inner))
    const answer = await this.post<AccountBody>(url, body, options)
    if (answer.problem === undefined) this.key = newKey
    return answer
  }

  /** RFC 8555 section 8.1. */
  keyAuthorization(token: string): string {
    return `${token}.${this.key.thumbprint}`
  }

  private async sendSigned(url: string, payload: unknown, options: RequestOptions): Promise<HttpResponse> {
    const needsNonce = options.nonce === undefined && options.withoutNonce !== true && options.rawBody === undefined
    const parts = {
      key: this.key,
      url,
      payload,
      ...(needsNonce && { nonce: await this.freshNonce() }),
      ...(this.accountUrl !== undefined && { kid: this.accountUrl }),
    }
    return this.transport.send({
      method: options.method ?? 'POST',
      url,
      headers: { 'content-type': options.contentType ?? 'application/jose+json', ...options.headers },
      body: options.rawBody ?? signedBody(parts, options),
    })
  }

  private remember<Body>(answer: AcmeResponse<Body>): AcmeResponse<Body> {
    const nonce = answer.headers['replay-nonce']
    if (typeof nonce === 'string') this.nonces.push(nonce)
    return answer
  }
}

/** The word at the end of a problem's type. */
export function problemType(answer: AcmeResponse<unknown>): string | undefined {
  return answer.problem?.type.replace('urn:ietf:params:acme:error:', '')
}

function required(url: string | undefined, name: string): string {
  if (url === undefined) throw new Error(`the directory has no ${name}`)
  return url
}

// What the server sends is taken at its word here: a test asserts on the members it cares for.
function wrap<Body>(answer: HttpResponse): AcmeResponse<Body> {
  const { status, headers } = answer
  const text = answer.body.toString('utf8')
  const isProblem = headers['content-type']?.startsWith('application/problem+json') === true
  return {
    status,
    headers,
    text,
    ...(isProblem && { problem: JSON.parse(text) as ProblemBody }),
    get body() {
      if (isProblem || status >= 400) throw new Error(`the server answered ${status}: ${text}`)
      const isJson = headers['content-type']?.startsWith('application/json') === true
      return (isJson ? JSON.parse(text) : text) as Body
    },
    get location() {
      if (headers.location === undefined) throw new Error(`the answer has no Location: ${status} ${text}`)
      return headers.location
    },
  }
}
