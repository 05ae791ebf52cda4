import ipaddr from 'ipaddr.js'
import { problem } from './problems.ts'
import type { ServedProfile } from './profiles.ts'

/**
 * Refuses a client whose address lies outside the profile's `clientNetworks`; an empty list refuses nobody. Where
 * authorizations are born valid this is what keeps strangers out, so every signed request is checked.
 */
export function assertClientNetwork(profile: ServedProfile, clientAddress: string): void {
  const networks = profile.policy.clientNetworks
  if (networks.length === 0) return
  const address = ipaddr.process(clientAddress)
  if (networks.some((network) => contains(network, address))) return
  throw problem.unauthorized(
    `Clients at ${clientAddress} may not use profile ${profile.id}; its clientNetworks must include this address.`,
  )
}

function contains(network: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const [base, bits] = ipaddr.parseCIDR(network)
  return base.kind() === address.kind() && address.match(base, bits)
}
