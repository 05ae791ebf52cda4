import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { parseNetwork } from '../acme/ip-address.ts'
import { formatDuration, parseDuration } from './duration.ts'

/** The value that a text means, or what a person should write instead. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly remedy: string }

/** A kind of setting: how its text is read and what a person is told to write. */
export interface SettingKind<T> {
  readonly hint: string
  parse(text: string): Parsed<T>
}

/** Where a listener binds. No host means every address of the machine, IPv6 included. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
}

const good = <T>(value: T): Parsed<T> => ({ ok: true, value })
const bad = (remedy: string): { ok: false; remedy: string } => ({ ok: false, remedy })

export const text: SettingKind<string> = { hint: 'text', parse: good }

export const flag: SettingKind<boolean> = {
  hint: 'true or false',
  parse: (given) => (given === 'true' || given === 'false' ? good(given === 'true') : bad('write true or false')),
}

/** One of a few words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): SettingKind<Word> {
  return {
    hint: words.join(' or '),
    parse(given) {
      const word = words.find((candidate) => candidate === given)
      return word === undefined ? bad(`write ${words.join(' or ')}`) : good(word)
    },
  }
}

/** A whole number within bounds, both included. */
export function integer(bounds: { min: number; max: number }): SettingKind<number> {
  return {
    hint: `a whole number from ${bounds.min} to ${bounds.max}`,
    parse(given) {
      const value = /^[0-9]+$/.test(given) ? Number(given) : Number.NaN
      return value >= bounds.min && value <= bounds.max
        ? good(value)
        : bad(`write a whole number from ${bounds.min} to ${bounds.max}`)
    },
  }
}

/** A Go-style duration in seconds, within bounds. */
export function duration(bounds: { min: number; max: number }): SettingKind<number> {
  const range = `from ${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`
  return {
    hint: `a duration ${range}`,
    parse(given) {
      const seconds = parseDuration(given)
      if (seconds === undefined) return bad(`write a duration such as 90s, 5m or 24h, ${range}`)
      return seconds >= bounds.min && seconds <= bounds.max ? good(seconds) : bad(`write a duration ${range}`)
    },
  }
}

export const listenAddress: SettingKind<ListenAddress> = {
  hint: 'host:port or :port',
  parse(given) {
    const parts = hostAndPort(given)
    return parts === undefined ? bad('write :8443, 127.0.0.1:8443 or [::1]:8443') : good(parts)
  },
}

/** A listener that may be switched off. */
export const optionalListenAddress: SettingKind<ListenAddress | 'off'> = {
  hint: 'host:port, :port or off',
  parse(given) {
    if (given === 'off') return good('off')
    const parts = hostAndPort(given)
    return parts === undefined ? bad('write :8080, 127.0.0.1:8080, [::1]:8080 or off') : good(parts)
  },
}

function hostAndPort(given: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s/]*)):([0-9]{1,5})$/.exec(given)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) return undefined
  const [, ipv6, name] = match
  if (ipv6 !== undefined) return isIP(ipv6) === 6 ? { host: ipv6, port } : undefined
  return { host: name === '' ? undefined : name, port }
}

/** A base URL that links are made from: no path, query, fragment or credentials, and no slash at the end. */
export function baseUrl(...schemes: readonly ('http' | 'https')[]): SettingKind<string> {
  const example = `${schemes[0]}://ca.example.com`
  return {
    hint: `a URL such as ${example}`,
    parse(given) {
      const url = URL.parse(given)
      if (url === null || !schemes.some((scheme) => url.protocol === `${scheme}:`)) {
        return bad(`write a whole URL such as ${example}`)
      }
      const bare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
      return bare ? good(url.origin) : bad(`write only scheme, host and port, such as ${example}`)
    },
  }
}

/** A link that is shown to people. */
export const webLink: SettingKind<string> = {
  hint: 'an http or https URL',
  parse(given) {
    const url = URL.parse(given)
    const usable = url !== null && (url.protocol === 'https:' || url.protocol === 'http:')
    return usable ? good(url.href) : bad('write a whole URL such as https://ca.example.com/terms')
  },
}

/** Several values of one kind, separated by commas. */
export function listOf<T>(kind: SettingKind<T>): SettingKind<readonly T[]> {
  return {
    hint: `${kind.hint}; several separated by commas`,
    parse(given) {
      const values: T[] = []
      for (const item of given.split(',').map((part) => part.trim())) {
        if (item === '') return bad('leave out the empty item between the commas')
        const parsed = kind.parse(item)
        if (!parsed.ok) return bad(`${JSON.stringify(item)}: ${parsed.remedy}`)
        values.push(parsed.value)
      }
      return good(values)
    },
  }
}

/** An address or a CIDR network, always returned as a network. */
export const network: SettingKind<string> = {
  hint: 'an IP address or network such as 10.0.0.0/8',
  parse(given) {
    if (isIP(given) !== 0) return good(`${given}/${isIP(given) === 4 ? 32 : 128}`)
    return parseNetwork(given) ? good(given) : bad('write an IP address or a network such as 10.0.0.0/8')
  },
}

/** A DNS server, as node:dns setServers wants it: an address, with a port where it is not 53. */
export const resolver: SettingKind<string> = {
  hint: 'an IP address, with a port where it is not 53',
  parse(given) {
    if (isIP(given) !== 0) return good(given)
    const parts = hostAndPort(given)
    return parts?.host !== undefined && isIP(parts.host) !== 0 && parts.port > 0
      ? good(given)
      : bad('write an address such as 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53')
  },
}

export const domainName: SettingKind<string> = {
  hint: 'a domain name',
  parse: (given) =>
    /^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/i.test(given)
      ? good(given.toLowerCase())
      : bad('write a domain name such as ca.example.com'),
}

export const dnsLabel: SettingKind<string> = {
  hint: 'a DNS label',
  parse: (given) =>
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(given)
      ? good(given)
      : bad('write small letters, digits and hyphens only, at most 63'),
}

/** A namespace, or `*` for all of them. */
export const namespaceName: SettingKind<string> = {
  hint: 'a namespace, or *',
  parse: (given) => (given === '*' ? good(given) : dnsLabel.parse(given)),
}

/** A profile's id as it stands in URLs: `name` or `namespace.name`. */
export const profileId: SettingKind<string> = {
  hint: "a profile's name, or namespace.name outside the own namespace",
  parse: (given) =>
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$/.test(given)
      ? good(given)
      : bad('write the name of a CertificateProfile, or namespace.name'),
}

export const postgresUrl: SettingKind<string> = {
  hint: 'postgres://user:password@host:5432/database',
  parse(given) {
    if (!/^postgres(ql)?:\/\//.test(given)) return bad('write postgres://user:password@host:5432/database')
    return isWholeUrl(given)
      ? good(given)
      : bad('write % / ? # @ : in the password as %25 %2F %3F %23 %40 %3A, or leave it out and set PGPASSWORD')
  },
}

/** Whether user and password are where they belong: one that isn't escaped may end the part of a URL that has them. */
function isWholeUrl(given: string): boolean {
  const url = URL.parse(given)
  if (url === null || (url.username === '' && given.includes('@'))) return false
  try {
    decodeURIComponent(`${url.username}${url.password}${url.pathname}`)
    return true
  } catch {
    return false
  }
}

export const existingFile: SettingKind<string> = {
  hint: 'path of a file',
  parse: (given) => (existsSync(given) ? good(given) : bad('no such file; write the path of a readable PEM file')),
}

export const existingFolder: SettingKind<string> = {
  hint: 'path of a folder',
  parse: (given) => (existsSync(given) ? good(given) : bad('no such folder; write the path of a readable one')),
}

/** Where a crash test wants the process to stop, and how. */
export interface TestCheckpoint {
  readonly label: string
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

export const testCheckpoint: SettingKind<TestCheckpoint> = {
  hint: 'label or label:stop',
  parse(given) {
    const match = /^([a-z]+\.[a-z]+)(:stop)?$/.exec(given)
    const label = match?.[1]
    return label === undefined
      ? bad('write a label such as finalize.signed, or finalize.signed:stop')
      : good({ label, signal: match?.[2] === undefined ? 'SIGKILL' : 'SIGSTOP' })
  },
}
