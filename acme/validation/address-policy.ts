import { type AddressBytes, type Network, networkContains, parseNetwork } from '../ip-address.ts'

/** The judgement of one address; `network` names the kind of network it is refused for ("loopback", "private (RFC 1918)"). */
export type AddressVerdict = { readonly allowed: true } | { readonly allowed: false; readonly network: string }

/** Says where validation may connect to. Judge the octets that will be dialled, never a name. */
export interface AddressPolicy {
  judge(address: AddressBytes): AddressVerdict
}

/**
 * The policy of a profile. Public addresses are allowed. Private ones are when an allowed network holds them. Special ones
 * (loopback, link-local, metadata services, multicast, reserved) only when an allowed network lies within that special
 * range, so that `0.0.0.0/0` or `::/0` opens every private range and still no loopback.
 *
 * An IPv6 address that carries an IPv4 address across a translator or tunnel is judged by both. What opens such a wrapped
 * address is an IPv6 network naming it (`64:ff9b::a00:0/104`); the IPv4 network (`10.0.0.0/8`) does not.
 *
 * Throws a TypeError for text that is no network: a profile is checked with `parseNetwork` before it gets here.
 */
export function createAddressPolicy(allowedNetworks: readonly string[]): AddressPolicy {
  const allowed = allowedNetworks.map(requireNetwork)
  return {
    judge(address) {
      const around = allowed.filter((network) => networkContains(network, address))
      const longestAllowedPrefix = Math.max(-1, ...around.map((network) => network.prefixLength))
      const refusing = rangesOf(address).find((range) => longestAllowedPrefix < range.openedByPrefix)
      return refusing === undefined ? { allowed: true } : { allowed: false, network: refusing.name }
    },
  }
}

/** A range that an address falls in, with the shortest prefix of an allowed network around the address that opens it. */
interface RangeOfAddress {
  readonly name: string
  readonly openedByPrefix: number
}

type Standing = 'public' | 'private' | 'special'

interface KnownRange {
  readonly network: Network
  readonly name: string
  readonly standing: Standing
}

const PUBLIC: RangeOfAddress = { name: 'public', openedByPrefix: -1 }

/** IANA special-purpose address registries (RFC 6890 and successors), and the metadata services of the large clouds. */
const KNOWN_RANGES: readonly KnownRange[] = (
  [
    ['0.0.0.0/0', 'public', 'public'],
    ['0.0.0.0/8', 'unspecified', 'special'],
    ['10.0.0.0/8', 'private (RFC 1918)', 'private'],
    ['100.64.0.0/10', 'shared address space (RFC 6598)', 'private'],
    ['100.100.100.200/32', 'cloud metadata', 'special'],
    ['127.0.0.0/8', 'loopback', 'special'],
    ['168.63.129.16/32', 'cloud metadata', 'special'],
    ['169.254.0.0/16', 'link-local', 'special'],
    ['169.254.169.254/32', 'cloud metadata', 'special'],
    ['172.16.0.0/12', 'private (RFC 1918)', 'private'],
    ['192.0.0.0/24', 'reserved', 'special'],
    ['192.0.2.0/24', 'documentation', 'special'],
    ['192.88.99.0/24', 'reserved', 'special'],
    ['192.168.0.0/16', 'private (RFC 1918)', 'private'],
    ['198.18.0.0/15', 'benchmarking', 'special'],
    ['198.51.100.0/24', 'documentation', 'special'],
    ['203.0.113.0/24', 'documentation', 'special'],
    ['224.0.0.0/4', 'multicast', 'special'],
    ['240.0.0.0/4', 'reserved', 'special'],
    ['255.255.255.255/32', 'broadcast', 'special'],

    // Global unicast is 2000::/3 alone; whatever the registry has not given a meaning is reserved.
    ['::/0', 'reserved', 'special'],
    ['::/96', 'IPv4-compatible', 'special'],
    ['::/128', 'unspecified', 'special'],
    ['::1/128', 'loopback', 'special'],
    ['64:ff9b::/96', 'public', 'public'],
    ['64:ff9b:1::/48', 'local NAT64', 'special'],
    ['2000::/3', 'public', 'public'],
    ['2001::/23', 'reserved', 'special'],
    ['2001::/32', 'Teredo', 'special'],
    ['2001:db8::/32', 'documentation', 'special'],
    ['3fff::/20', 'documentation', 'special'],
    ['fc00::/7', 'private (unique local)', 'private'],
    ['fd00:ec2::/32', 'cloud metadata', 'special'],
    ['fd20:ce::/32', 'cloud metadata', 'special'],
    ['fe80::/10', 'link-local', 'special'],
    ['ff00::/8', 'multicast', 'special'],
  ] satisfies [string, string, Standing][]
).map(([network, name, standing]) => ({ network: requireNetwork(network), name, standing }))

/** Where an IPv6 network carries an IPv4 address: the octet it begins at, and whether its bits are inverted. */
const WRAPPINGS = [
  { network: '::/96', offset: 12 }, // RFC 4291 section 2.5.5.1
  { network: '::ffff:0:0:0/96', offset: 12 }, // RFC 2765, IPv4-translated
  { network: '64:ff9b::/96', offset: 12 }, // RFC 6052
  { network: '64:ff9b:1::/48', offset: 12 }, // RFC 8215, read as its /96 form; who opens another form names its network
  { network: '2002::/16', offset: 2 }, // RFC 3056, 6to4
  { network: '2001::/32', offset: 4 }, // RFC 4380, the Teredo server
  { network: '2001::/32', offset: 12, inverted: true }, // and the Teredo client
].map((wrapping) => ({ ...wrapping, network: requireNetwork(wrapping.network) }))

function rangesOf(address: AddressBytes): RangeOfAddress[] {
  const wrapped = WRAPPINGS.filter(({ network }) => networkContains(network, address)).map(({ offset, inverted }) => {
    const ipv4 = address.slice(offset, offset + 4).map((octet) => (inverted ? octet ^ 0xff : octet))
    const { network, name, standing } = narrowestRange(ipv4)
    if (standing === 'public') return PUBLIC
    return { name: `${name}, wrapped in IPv6`, openedByPrefix: offset * 8 + network.prefixLength }
  })
  return [rangeOf(address), ...wrapped]
}

function rangeOf(address: AddressBytes): RangeOfAddress {
  const { network, name, standing } = narrowestRange(address)
  if (standing === 'public') return PUBLIC
  return { name, openedByPrefix: standing === 'private' ? 0 : network.prefixLength }
}

function narrowestRange(address: AddressBytes): KnownRange {
  return KNOWN_RANGES.filter(({ network }) => networkContains(network, address)).reduce((narrowest, range) =>
    range.network.prefixLength > narrowest.network.prefixLength ? range : narrowest,
  )
}

function requireNetwork(text: string): Network {
  const network = parseNetwork(text)
  if (network === undefined) throw new TypeError(`${JSON.stringify(text)} is not a network such as 10.0.0.0/8`)
  return network
}
