import { networkContains, parseNetwork } from '../ip-address.ts'
import type { IssuancePolicy } from '../policy.ts'

/** How far the server lets the validation of any profile reach, whatever the profile asks for. */
export interface ValidationCaps {
  /** CIDRs; absent permits any. */
  readonly networks?: readonly string[]
  /** DNS servers as `address` or `address:port`; absent permits any. */
  readonly resolvers?: readonly string[]
}

type Reach = IssuancePolicy['validation']

/** The part of what a profile asks for that the caps permit: they hold at once, also for profiles of before. */
export function withinCaps({ allowedNetworks, resolvers }: Reach, caps: ValidationCaps): Reach {
  return {
    allowedNetworks: allowedNetworks.filter((network) => permitsNetwork(caps, network)),
    resolvers: resolvers.filter((resolver) => permitsResolver(caps, resolver)),
  }
}

/** Whether all of a network lies within the caps. */
export function permitsNetwork({ networks }: ValidationCaps, network: string): boolean {
  return networks === undefined || networks.some((cap) => covers(cap, network))
}

/** Whether a DNS server is among the caps. */
export function permitsResolver({ resolvers }: ValidationCaps, resolver: string): boolean {
  return resolvers === undefined || resolvers.some((cap) => withPort(cap) === withPort(resolver))
}

function covers(capText: string, text: string): boolean {
  const [cap, network] = [parseNetwork(capText), parseNetwork(text)]
  if (cap === undefined || network === undefined) return false
  return network.prefixLength >= cap.prefixLength && networkContains(cap, network.bytes)
}

/** An address without a port means port 53; IPv6 stands in brackets where a port follows. */
function withPort(resolver: string): string {
  if (/^\[.*\]:[0-9]+$|^[0-9.]+:[0-9]+$/.test(resolver)) return resolver
  return resolver.includes(':') ? `[${resolver}]:53` : `${resolver}:53`
}
