import { domainToASCII, domainToUnicode } from 'node:url'

/** RFC 1035 section 2.3.4, in text form without the root's dot. */
const maxNameLength = 253
const maxLabelLength = 63

const wildcardPrefix = '*.'

/** The name that a wildcard is below, or the name itself. */
export function baseName(name: string): string {
  return isWildcard(name) ? name.slice(wildcardPrefix.length) : name
}

/** Whether the name stands for every name one label below its base. */
export function isWildcard(name: string): boolean {
  return name.startsWith(wildcardPrefix)
}

/** Text of a client inside a sentence of ours: bounded, and without anything that could break a line or a log. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > maxNameLength ? `${text.slice(0, maxNameLength)}…` : text)
}

/**
 * Promises undefined for a host name that a certificate may hold (RFC 5280 section 4.2.1.6: the preferred name syntax of
 * RFC 1034, as RFC 1123 relaxed it), with `*` allowed as its whole first label and any case. For anything else promises
 * the end of the sentence "<name> …", which says what to send instead. Single labels such as `localhost` are host names;
 * whether they are issued is for the profile to say.
 */
export function findNameFault(name: string): string | undefined {
  for (const [isAtFault, remedy] of nameFaults) {
    if (isAtFault(name)) return remedy(name)
  }
  for (const label of baseName(name).toLowerCase().split('.')) {
    for (const [isAtFault, remedy] of labelFaults) {
      if (isAtFault(label)) return remedy(label)
    }
  }
  return undefined
}

/** Told apart only to say what helps; looked at in this order, since the first explains best. */
const nameFaults: readonly (readonly [(name: string) => boolean, (name: string) => string])[] = [
  [(name) => name === '', () => 'is empty; send a DNS name.'],
  // Early, since what follows costs more on long text.
  [(name) => name.length > maxNameLength, () => `is longer than ${maxNameLength} octets.`],
  [(name) => name.includes('://'), () => 'is a URL; send the host name alone, without scheme and path.'],
  // Looked at before the characters: `[::1]` and `fe80::1%lo` would read as bad labels.
  [isAddress, () => 'is an IP address, which is not a DNS name; send a host name.'],
  [(name) => /:\d+$/.test(name), () => 'has a port; send the host name alone.'],
  [(name) => !/^[\x20-\x7e]*$/.test(name), suggestALabels],
  [(name) => name.endsWith('.'), () => 'ends in a dot; send the name without it.'],
  [(name) => baseName(name).includes('*'), () => 'may have "*" only as its whole first label, as in *.example.com.'],
]

const labelFaults: readonly (readonly [(label: string) => boolean, (label: string) => string])[] = [
  [(label) => label === '', () => 'has an empty label; remove the dot too many.'],
  [(label) => label.length > maxLabelLength, () => `has a label longer than ${maxLabelLength} octets.`],
  [(label) => label.includes('_'), () => 'has an underscore, which a host name must not have.'],
  [(label) => !/^[a-z0-9-]+$/.test(label), () => 'may have only letters, digits, hyphens and dots.'],
  [(label) => /^-|-$/.test(label), () => 'has a label that begins or ends with a hyphen.'],
  [
    (label) => label.startsWith('xn--') && !isALabel(label),
    (label) => `has the label ${quoted(label)}, which is no valid internationalized (Punycode) label.`,
  ],
]

/**
 * Whatever an address parser somewhere would take for an address. A name whose last label is a number is one to the
 * WHATWG URL parser and to inet_aton: 127.1, 2130706433, 0x7f000001, 017700000001; the dot at the end changes nothing.
 */
function isAddress(name: string): boolean {
  const host = name.replace(/^\[|\](:\d+)?$|%.*$/g, '')
  const isIpv6 = /^[0-9a-f:.]+$/i.test(host) && host.split(':').length > 2
  return isIpv6 || /(^|\.)(\d+|0x[0-9a-f]*)\.?(:\d+)?$/i.test(name)
}

/** The decoder leaves what it cannot decode as it was; what it decodes must encode back to the same label. */
function isALabel(label: string): boolean {
  const decoded = domainToUnicode(label)
  return decoded !== label && domainToASCII(decoded) === label
}

function suggestALabels(name: string): string {
  const encoded = domainToASCII(baseName(name))
  // The encoder drops control characters silently; nobody meant them.
  if (/\p{Cc}/u.test(name) || encoded === '' || findNameFault(encoded) !== undefined) {
    return 'has characters that a DNS name cannot have.'
  }
  const suggestion = isWildcard(name) ? wildcardPrefix + encoded : encoded
  return `has characters outside ASCII; send its A-label form, ${quoted(suggestion)}.`
}
