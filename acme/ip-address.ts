import { formatIpAddress, parseIpAddress } from '../ca/index.ts'

/** The octets of an address: four for IPv4, sixteen for IPv6. */
export type AddressBytes = Uint8Array

/** A CIDR network: the first `prefixLength` bits of `bytes`, whose remaining bits are zero. */
export interface Network {
  readonly bytes: AddressBytes
  readonly prefixLength: number
}

/**
 * The octets of an address in the one canonical kind of notation (dotted quad, RFC 4291 section 2.2), or undefined.
 * The inet_aton forms (`127.1`, `0x7f000001`, `017700000001`) and zones (`fe80::1%eth0`) are not addresses here.
 * An IPv4-mapped IPv6 address is the same address as the IPv4 one and comes back as its four octets.
 */
export function parseAddress(text: string): AddressBytes | undefined {
  const written = parseIpAddress(text)
  return written && unmapped(written)
}

/** The network of `10.0.0.0/8`, `fd00::/8` or of one bare address; bits below the prefix are ignored. Undefined if it is none. */
export function parseNetwork(text: string): Network | undefined {
  const [addressText = '', prefixText, ...rest] = text.split('/')
  const written = parseIpAddress(addressText)
  if (written === undefined || rest.length > 0) return undefined
  const writtenPrefix =
    prefixText === undefined ? written.length * 8 : parsePrefixLength(prefixText, written.length * 8)
  if (writtenPrefix === undefined) return undefined
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8; a shorter prefix reaches beyond the mapped addresses and stays IPv6.
  const bytes = writtenPrefix >= MAPPED_PREFIX_LENGTH ? unmapped(written) : written
  const prefixLength = writtenPrefix - (written.length - bytes.length) * 8
  return { bytes: maskedTo(bytes, prefixLength), prefixLength }
}

/** True when the address is of the network's family and lies within it. */
export function networkContains(network: Network, address: AddressBytes): boolean {
  if (network.bytes.length !== address.length) return false
  return maskedTo(address, network.prefixLength).every((octet, index) => octet === network.bytes[index])
}

/** The canonical text of an address (dotted quad, RFC 5952); it reads back as the same octets. */
export function formatAddress(address: AddressBytes): string {
  const text = formatIpAddress(address)
  if (text === undefined) throw new TypeError(`${address.length} octets are no address`)
  return text
}

const MAPPED_PREFIX_LENGTH = 96

function parsePrefixLength(text: string, max: number): number | undefined {
  const length = /^(0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : Number.NaN
  return length <= max ? length : undefined
}

function unmapped(bytes: AddressBytes): AddressBytes {
  const isMapped =
    bytes.length === 16 &&
    bytes.subarray(0, 10).every((octet) => octet === 0) &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff
  return isMapped ? bytes.slice(12) : bytes
}

function maskedTo(bytes: AddressBytes, prefixLength: number): AddressBytes {
  return bytes.map((octet, index) => {
    const kept = Math.min(8, Math.max(0, prefixLength - index * 8))
    return octet & (0xff << (8 - kept)) & 0xff
  })
}
