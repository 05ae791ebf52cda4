import { once } from 'node:events'
import { createServer } from 'node:http'
import { startDnsServer } from '../../acme/validation/testing/dns-server.ts'

/** Every name there is, and one web server behind all of them. */
export interface ChallengeSite {
  /** Address and port of the DNS server. */
  readonly resolver: string
  readonly httpPort: number
  /** Answers http-01 for this token from now on. */
  publish(token: string, keyAuthorization: string): void
  close(): void
}

const challengePath = '/.well-known/acme-challenge/'

export async function openChallengeSite(): Promise<ChallengeSite> {
  const answers = new Map<string, string>()
  const web = createServer((request, response) => {
    const url = request.url ?? ''
    const answer = url.startsWith(challengePath) ? answers.get(url.slice(challengePath.length)) : undefined
    response.writeHead(answer === undefined ? 404 : 200).end(answer)
  })
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  const address = web.address()
  if (address === null || typeof address === 'string') throw new Error('the web server listens on no port')

  const closing: (() => void)[] = []
  const dns = await startDnsServer({ after: (close: () => void) => void closing.push(close) }, (type, name) =>
    type === 'A' ? [{ type, name, ttl: 1, data: '127.0.0.1' }] : [],
  )
  return {
    resolver: dns.address,
    httpPort: address.port,
    publish: (token, keyAuthorization) => void answers.set(token, keyAuthorization),
    close() {
      web.close()
      web.closeAllConnections()
      for (const close of closing) close()
    },
  }
}
