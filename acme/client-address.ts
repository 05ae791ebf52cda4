import { formatAddress, parseAddress } from './ip-address.ts'

/** Stands for a client whose address nobody told; RFC 7239 section 6.2 has the same word for it. */
export const unknownAddress = 'unknown'

/**
 * Promises a client's address in one spelling, IPv4-mapped as IPv4, or `unknown`. `text` is the socket's word or that of
 * a trusted proxy's X-Forwarded-For, where some proxies add the port; link-local addresses come with their zone.
 */
export function readClientAddress(text: string): string {
  const withoutPort = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  const address = parseAddress(withoutPort.replace(/%.*$/, ''))
  return address ? formatAddress(address) : unknownAddress
}
