import { Resolver } from 'node:dns/promises'

/** Records, or why there are none: words that go on after the name ("does not exist (NXDOMAIN)"). */
export type DnsAnswer =
  { readonly found: true; readonly records: readonly string[] } | { readonly found: false; readonly reason: string }

/** The lookups of one validation. After its signal is aborted, lookups reject with the signal's reason. */
export interface NameResolver {
  /** IPv6 addresses, then IPv4 ones; one family suffices, whatever becomes of the other's query. */
  addresses(name: string): Promise<DnsAnswer>
  /** TXT records, each with its strings joined (RFC 8555 section 8.4, RFC 7208 section 3.3). */
  texts(name: string): Promise<DnsAnswer>
}

export interface NameResolverOptions {
  /** `10.0.0.10`, `10.0.0.10:53`, `[fd00::10]:53`; empty: the system's servers. Other text throws. */
  readonly servers: readonly string[]
  readonly queryTimeoutMilliseconds: number
  readonly tries: number
  readonly signal: AbortSignal
}

/**
 * Asks DNS servers only: neither /etc/hosts nor search domains count, and `localhost` is a name like any other. CNAMEs
 * are followed by the servers, so they must be recursive. Made for one validation, so that nothing is cached beyond it.
 */
export function createNameResolver(options: NameResolverOptions): NameResolver {
  const { servers, queryTimeoutMilliseconds, tries, signal } = options
  const resolver = new Resolver({ timeout: queryTimeoutMilliseconds, tries })
  if (servers.length > 0) resolver.setServers(servers)
  signal.addEventListener('abort', () => resolver.cancel(), { once: true })

  async function lookUp<Rdata>(query: () => Promise<Rdata[]>, text: (rdata: Rdata) => string): Promise<LookUp> {
    signal.throwIfAborted()
    try {
      return { records: (await query()).map(text) }
    } catch (error) {
      signal.throwIfAborted()
      return { records: [], code: errorCode(error) }
    }
  }

  return {
    async addresses(name) {
      const [ipv6, ipv4] = await Promise.all([
        lookUp(() => resolver.resolve6(name), String),
        lookUp(() => resolver.resolve4(name), String),
      ])
      const records = [...ipv6.records, ...ipv4.records]
      if (records.length > 0) return { found: true, records }
      // A failed query may have hidden an address; "no such record" of the other family says nothing about that.
      const telling = [ipv4, ipv6].find(({ code }) => code !== undefined && code !== 'ENODATA') ?? ipv4
      return { found: false, reason: reasonFor(telling.code, 'A or AAAA') }
    },
    async texts(name) {
      const { records, code } = await lookUp(
        () => resolver.resolveTxt(name),
        (strings) => strings.join(''),
      )
      return records.length > 0 ? { found: true, records } : { found: false, reason: reasonFor(code, 'TXT') }
    },
  }
}

interface LookUp {
  readonly records: readonly string[]
  readonly code?: string
}

const UNANSWERED = new Set(['ETIMEOUT', 'ECONNREFUSED'])

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'does not exist in DNS (NXDOMAIN)',
  EBADNAME: 'is not a name that DNS can hold',
  ESERVFAIL: 'could not be looked up: the DNS server failed (SERVFAIL)',
  EREFUSED: 'could not be looked up: the DNS server refused the query (REFUSED)',
  ENOTIMP: 'could not be looked up: the DNS server does not implement the query (NOTIMP)',
}

function reasonFor(code: string | undefined, recordTypes: string): string {
  if (code === undefined || code === 'ENODATA') return `has no ${recordTypes} record in DNS`
  if (UNANSWERED.has(code)) return 'could not be looked up: no DNS server answered in time'
  return REASONS[code] ?? `could not be looked up: the DNS answer was not usable (${code})`
}

function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}
