import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { AddressPolicy } from './address-policy.ts'
import { ValidationFailure } from './challenge.ts'
import type { NameResolver } from './dns-resolver.ts'
import { type AddressBytes, formatAddress, parseAddress } from '../ip-address.ts'

export interface Target {
  /** A DNS name, or an address in canonical text without brackets. */
  readonly host: string
  readonly port: number
  /**
   * How problems name the target. A redirect was written by the validated host, which may not use us to learn what names
   * of the inner network resolve to: neither the name nor its addresses are told.
   */
  readonly disclosure: 'identifier' | 'redirect'
}

/** Opens the connections of one validation. */
export interface Dialer {
  /**
   * A TCP connection to an address of the host that the policy allows: the name is resolved once, each address judged, and
   * the judged octets are what is connected to. IPv6 is tried first, then IPv4 once. The caller destroys the socket.
   * Rejects with a ValidationFailure, or with the signal's reason once that is aborted.
   */
  dial(target: Target): Promise<Socket>
}

export interface DialerOptions {
  readonly resolver: NameResolver
  readonly policy: AddressPolicy
  readonly connectTimeoutMilliseconds: number
  readonly signal: AbortSignal
}

/** Connects without agents, kept-alive connections or proxies, whatever the environment says. */
export function createDialer({ resolver, policy, connectTimeoutMilliseconds, signal }: DialerOptions): Dialer {
  async function addressesOf(target: Target): Promise<AddressBytes[]> {
    const literal = parseAddress(target.host)
    if (literal !== undefined) return [literal]
    const answer = await resolver.addresses(target.host)
    if (!answer.found) throw new ValidationFailure('dns', `${nameOf(target)} ${answer.reason}.`)
    return answer.records.map(parseAddress).filter((address) => address !== undefined)
  }

  return {
    async dial(target) {
      const judged = (await addressesOf(target)).map((address) => ({ address, verdict: policy.judge(address) }))
      const allowed = judged.filter(({ verdict }) => verdict.allowed).map(({ address }) => address)
      const attempts = [16, 4].flatMap((length) => allowed.find((address) => address.length === length) ?? [])
      const failures: string[] = []
      for (const address of attempts) {
        const result = await connectTo(address, target.port, { connectTimeoutMilliseconds, signal })
        if (typeof result !== 'string') return result
        failures.push(target.disclosure === 'identifier' ? `${formatAddress(address)} ${result}` : `it ${result}`)
      }
      if (failures.length > 0) {
        const detail = `${nameOf(target)}, port ${target.port}, could not be connected to: ${failures.join('; ')}.`
        throw new ValidationFailure('connection', detail)
      }
      const refusals = judged.flatMap(({ address, verdict }) => (verdict.allowed ? [] : [{ address, ...verdict }]))
      throw refusal(target, refusals[0])
    },
  }
}

async function connectTo(
  address: AddressBytes,
  port: number,
  { connectTimeoutMilliseconds, signal }: Pick<DialerOptions, 'connectTimeoutMilliseconds' | 'signal'>,
): Promise<Socket | string> {
  signal.throwIfAborted()
  const timeout = AbortSignal.timeout(connectTimeoutMilliseconds)
  const socket = connect({ host: formatAddress(address), port, autoSelectFamily: false })
  // Whoever uses the socket learns of an error through what it awaits; without a listener an early one ends the process.
  socket.on('error', () => {})
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, timeout]) })
    return socket
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    return timeout.aborted ? 'did not answer in time' : connectFailureWords(error)
  }
}

function connectFailureWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused the connection'
    case 'ECONNRESET':
      return 'reset the connection'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'is unreachable from here'
    case 'ETIMEDOUT':
      return 'did not answer in time'
    default:
      return 'cannot be reached'
  }
}

/** The target in a problem's words; see `disclosure`. */
export function nameOf(target: Target): string {
  return target.disclosure === 'identifier' ? target.host : 'The target of a redirect'
}

function refusal(target: Target, refused: { address: AddressBytes; network: string } | undefined): ValidationFailure {
  if (refused === undefined) return new ValidationFailure('dns', `${nameOf(target)} has no usable address in DNS.`)
  const address = target.disclosure === 'identifier' ? `the address ${formatAddress(refused.address)}` : 'an address'
  return new ValidationFailure(
    'connection',
    `${nameOf(target)} has ${address} that validation does not connect to (${refused.network}); ` +
      'validation.allowedNetworks of the profile can permit its network.',
    { retry: false },
  )
}
