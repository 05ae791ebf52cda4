import { networkContains, parseAddress, parseNetwork, type Network } from './ip-address.ts'
import { problem } from './problems.ts'
import type { ServedProfile } from './profiles.ts'

/**
 * Refuses a client whose address lies outside the profile's `clientNetworks`; an empty list refuses nobody. Where
 * authorizations are born valid this is what keeps strangers out, so every signed request is checked.
 */
export function assertClientNetwork(profile: ServedProfile, clientAddress: string): void {
  const networks = profile.policy.clientNetworks
  if (networks.length === 0) return
  if (isWithin(networks, clientAddress)) return
  throw problem.unauthorized(
    `Clients at ${clientAddress} may not use profile ${profile.id}; its clientNetworks must include this address.`,
  )
}

function isWithin(networks: readonly string[], clientAddress: string): boolean {
  const address = parseAddress(clientAddress)
  return address !== undefined && networks.some((network) => networkContains(networkOf(network), address))
}

/** The policy's networks were checked when it was compiled. */
function networkOf(text: string): Network {
  const network = parseNetwork(text)
  if (!network) throw new TypeError(`clientNetworks has ${text}, which is no network`)
  return network
}
