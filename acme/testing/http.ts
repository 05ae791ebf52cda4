import * as http from 'node:http'
import * as https from 'node:https'

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array
}

export interface HttpResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

export interface Transport {
  send(request: HttpRequest): Promise<HttpResponse>
  close(): void
}

/**
 * One connection pool to the server under test. `rootPem` is what it trusts for https; `connectTo` is an origin that is
 * dialled in place of the URL's own, as a proxy in front of the server would be.
 */
export function createTransport(options: { readonly rootPem?: string; readonly connectTo?: string } = {}): Transport {
  const plain = new http.Agent({ keepAlive: true })
  const secure = new https.Agent({ keepAlive: true, ...(options.rootPem !== undefined && { ca: options.rootPem }) })
  return {
    async send({ method, url, headers, body }) {
      const asked = new URL(url)
      const target = new URL(`${options.connectTo ?? asked.origin}${url.slice(asked.origin.length)}`)
      const isSecure = target.protocol === 'https:'
      const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
      const request = (isSecure ? https : http).request(target, {
        method,
        agent: isSecure ? secure : plain,
        headers: { host: asked.host, ...headers },
      })
      request.on('response', resolve).on('error', reject).end(body)
      const response = await promise
      const chunks: Uint8Array[] = []
      for await (const chunk of response) chunks.push(Buffer.from(chunk))
      return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
    },
    close() {
      plain.destroy()
      secure.destroy()
    },
  }
}
