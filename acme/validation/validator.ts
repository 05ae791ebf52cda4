import { findNameFault, quoted } from '../dns-names.ts'
import type { Log } from '../ports.ts'
import { createAddressPolicy } from './address-policy.ts'
import { withinCaps } from './caps.ts'
import type { ValidationCaps } from './caps.ts'
import { ValidationFailure, type ValidationOutcome, type ValidationRequest } from './challenge.ts'
import { createDialer } from './dialer.ts'
import { checkDns01 } from './dns-01.ts'
import { createNameResolver } from './dns-resolver.ts'
import { checkHttp01, type ValidationPorts } from './http-01.ts'
import { checkTlsAlpn01 } from './tls-alpn-01.ts'

export interface ValidationTimeouts {
  /** For one validation as a whole, redirects included. Less than the worker's lease. */
  readonly totalMilliseconds: number
  /** For one connection attempt. */
  readonly connectMilliseconds: number
  /** For one DNS query; each further try waits longer, and values below about 250 ms are raised by c-ares. */
  readonly dnsQueryMilliseconds: number
  readonly dnsTries: number
}

/** What suits a network of any size, within a lease of 30 seconds. */
export const defaultValidationTimeouts: ValidationTimeouts = {
  totalMilliseconds: 20_000,
  connectMilliseconds: 5_000,
  dnsQueryMilliseconds: 2_000,
  dnsTries: 2,
}

export interface ValidatorDeps {
  readonly ports: ValidationPorts
  /** DNS servers for profiles that name none; empty: the system's. */
  readonly defaultResolvers: readonly string[]
  readonly timeouts: ValidationTimeouts
  /** What no profile may exceed. */
  readonly caps?: ValidationCaps
  readonly log: Log
}

export interface Validator {
  /**
   * Tries the challenge once. Every failure of the client's side is an outcome, and so is running out of time; rejects
   * with the signal's reason once that is aborted, and with what a broken profile throws. Changes nothing anywhere.
   */
  validate(request: ValidationRequest, signal: AbortSignal): Promise<ValidationOutcome>
}

export function createValidator(deps: ValidatorDeps): Validator {
  return {
    async validate(request, signal) {
      const { type, identifier } = request
      const time = new AbortController()
      const timer = setTimeout(() => time.abort(overtime(request, deps.timeouts)), deps.timeouts.totalMilliseconds)
      try {
        requireDnsName(identifier)
        await check(deps, request, AbortSignal.any([signal, time.signal]))
        return { ok: true }
      } catch (error) {
        if (!(error instanceof ValidationFailure)) throw error
        const { problem, retry, cause } = error
        deps.log.info({ type, identifier: identifier.value, problem, cause }, 'validation failed')
        return { ok: false, problem, retry }
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** Raised by aborting with it: every step rejects with the signal's reason. */
function overtime({ type, identifier }: ValidationRequest, timeouts: ValidationTimeouts): ValidationFailure {
  const detail = `${identifier.value} took longer than ${timeouts.totalMilliseconds / 1000} s to validate.`
  return new ValidationFailure(type === 'dns-01' ? 'dns' : 'connection', detail)
}

async function check(deps: ValidatorDeps, request: ValidationRequest, signal: AbortSignal): Promise<void> {
  const { ports, timeouts, defaultResolvers } = deps
  const { resolvers, allowedNetworks } = withinCaps(request.policy, deps.caps ?? {})
  const resolver = createNameResolver({
    servers: resolvers.length > 0 ? resolvers : defaultResolvers,
    queryTimeoutMilliseconds: timeouts.dnsQueryMilliseconds,
    tries: timeouts.dnsTries,
    signal,
  })
  const policy = createAddressPolicy(allowedNetworks)
  const dialer = createDialer({ resolver, policy, connectTimeoutMilliseconds: timeouts.connectMilliseconds, signal })
  switch (request.type) {
    case 'http-01':
      return checkHttp01({ dialer, ports, signal }, request)
    case 'tls-alpn-01':
      return checkTlsAlpn01({ dialer, port: ports.tls, signal }, request)
    case 'dns-01':
      return checkDns01(resolver, request)
  }
}

/**
 * newOrder has looked at the name already. Here it becomes a URL and an address to dial, so what an address parser might
 * read as an address (`127.1`) is refused once more.
 */
function requireDnsName({ type, value }: ValidationRequest['identifier']): void {
  const fault = type === 'dns' ? findNameFault(value) : 'is not a DNS name, and only those are validated.'
  if (fault !== undefined)
    throw new ValidationFailure('rejectedIdentifier', `${quoted(value)} ${fault}`, { retry: false })
}
