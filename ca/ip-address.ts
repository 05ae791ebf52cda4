import { isIPv4, isIPv6 } from 'node:net'

/** The 4 or 16 octets of an address in text, or undefined. Zones, octal and shortened IPv4 forms are no addresses here. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  return isIPv6(text) && !text.includes('%') ? parseIpv6(text) : undefined
}

function parseIpv6(text: string): Uint8Array {
  const lastColon = text.lastIndexOf(':')
  const tail = text.slice(lastColon + 1)
  const embedded = isIPv4(tail) ? Uint8Array.from(tail.split('.'), Number) : undefined
  const [head = '', rest] = (embedded ? `${text.slice(0, lastColon)}:0:0` : text).split('::')
  const before = groups(head)
  const after = groups(rest ?? '')
  const octets = new Uint8Array(16)
  octets.set(before)
  octets.set(after, 16 - after.length)
  if (embedded) octets.set(embedded, 12)
  return octets
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff])
}

/**
 * The one text of an address: dotted decimal, or RFC 5952 with every group in hexadecimal (no mixed notation, so that
 * one address has one spelling whatever its prefix). Undefined unless there are 4 or 16 octets.
 */
export function formatIpAddress(octets: Uint8Array): string | undefined {
  if (octets.length === 4) return octets.join('.')
  if (octets.length !== 16) return undefined
  const words = Array.from({ length: 8 }, (_, index) =>
    (((octets[2 * index] ?? 0) << 8) | (octets[2 * index + 1] ?? 0)).toString(16),
  )
  const run = longestZeroRun(words)
  if (run.length < 2) return words.join(':')
  return `${words.slice(0, run.start).join(':')}::${words.slice(run.start + run.length).join(':')}`
}

function longestZeroRun(words: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  let start = 0
  words.forEach((word, index) => {
    if (word !== '0') start = index + 1
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start }
  })
  return longest
}

/** A block of addresses: those that equal `address` where `mask` has ones. */
export interface IpRange {
  readonly address: Uint8Array
  readonly mask: Uint8Array
}

/** A block in CIDR notation whose host bits are zero, or undefined. */
export function parseCidr(text: string): IpRange | undefined {
  const [, addressText = '', prefixText = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const address = parseIpAddress(addressText)
  const prefix = Number(prefixText)
  if (address === undefined || prefix > address.length * 8) return undefined
  const mask = address.map((_, index) => (0xff00 >> Math.min(Math.max(prefix - index * 8, 0), 8)) & 0xff)
  return address.every((octet, index) => (octet & ~(mask[index] ?? 0)) === 0) ? { address, mask } : undefined
}

/** CIDR notation of a block, or undefined where its mask has holes or its host bits are set. */
export function formatCidr({ address, mask }: IpRange): string | undefined {
  const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, '0')).join('')
  const prefix = bits.indexOf('0') === -1 ? bits.length : bits.indexOf('0')
  const text = `${formatIpAddress(address)}/${prefix}`
  return bits.includes('01') || parseCidr(text) === undefined ? undefined : text
}

/** Whether the inner block lies in the outer one; an address is a block whose mask is all ones. */
export function rangeContains(outer: IpRange, inner: IpRange): boolean {
  return (
    outer.address.length === inner.address.length &&
    outer.mask.every((mask, index) => {
      const innerMask = inner.mask[index] ?? 0
      const differing = (outer.address[index] ?? 0) ^ (inner.address[index] ?? 0)
      return (mask & ~innerMask) === 0 && (differing & mask) === 0
    })
  )
}

/** The block that is this one address. */
export function singleAddress(address: Uint8Array): IpRange {
  return { address, mask: new Uint8Array(address.length).fill(0xff) }
}
