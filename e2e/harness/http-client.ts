import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface HttpCall {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The CA to trust for an https URL. */
  readonly ca?: string
  /** Don't verify the certificate of an https URL, as a kubelet's probes don't. */
  readonly insecure?: boolean
  /** How long the other side may be silent; 5000 unless given. */
  readonly timeoutMilliseconds?: number
}

/** One request on a connection of its own: fetch() has no option for a CA. */
export function callHttp(url: string, call: HttpCall = {}): Promise<HttpAnswer> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const options = {
      method: call.method ?? 'GET',
      headers: { ...call.headers },
      agent: false,
      timeout: call.timeoutMilliseconds ?? 5000,
      ...(call.ca ? { ca: call.ca } : {}),
      ...(call.insecure ? { rejectUnauthorized: false } : {}),
    }
    const sent = request(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer from ${url}`)))
    sent.on('error', reject)
    sent.end(call.body)
  })
}
