import { readDer } from './der/reader.ts'
import type { DerReader } from './der/reader.ts'
import { constructedContextTag } from './der/tags.ts'
import { contextConstructed, element, sequence } from './der/writer.ts'
import { readAscii } from './distinguished-name.ts'
import { CaError } from './errors.ts'
import { generalNameTag } from './general-names.ts'
import { formatCidr, parseCidr, parseIpAddress, rangeContains, singleAddress } from './ip-address.ts'
import type { IpRange } from './ip-address.ts'

/** Subtrees of RFC 5280 section 4.2.1.10: `example.com` covers itself and all below it; IP ranges are CIDR. */
export interface Subtrees {
  readonly dns?: readonly string[] | undefined
  readonly ip?: readonly string[] | undefined
  /** Names in DER. Read from certificates that others made, never asked for by a spec. */
  readonly directoryDer?: readonly Uint8Array[] | undefined
}

/** Which names may appear below a CA. A form of name that `permitted` doesn't list is not restricted by it. */
export interface NameConstraints {
  readonly permitted?: Subtrees | undefined
  readonly excluded?: Subtrees | undefined
}

/** The names of a certificate that constraints are about. */
export interface ConstrainedNames {
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  readonly subjectDer: Uint8Array
}

/** Promises those of the DNS names that an issuer may not certify, by its own constraints or by those above it. */
export function findForbiddenDnsNames(
  dnsNames: readonly string[],
  issuer: {
    readonly nameConstraints?: NameConstraints | undefined
    readonly inherited: { readonly nameConstraints: readonly NameConstraints[] }
  },
): string[] {
  const levels = [issuer.nameConstraints, ...issuer.inherited.nameConstraints].filter((level) => level !== undefined)
  return dnsNames.filter((name) => levels.some((level) => !dnsAllowed(name, level)))
}

/** Says which name a chain's constraints forbid, or undefined. Every level must permit every name. */
export function findForbiddenName(
  names: ConstrainedNames,
  levels: readonly (NameConstraints | undefined)[],
): string | undefined {
  for (const level of levels) {
    if (!level) continue
    const forbidden =
      names.dnsNames.find((name) => !dnsAllowed(name, level)) ??
      names.ipAddresses.find((address) => !ipAllowed(address, level))
    if (forbidden !== undefined) return forbidden
    if (!subjectAllowed(names.subjectDer, level)) return 'the subject'
  }
  return undefined
}

function dnsAllowed(name: string, { permitted, excluded }: NameConstraints): boolean {
  if (permitted?.dns && !permitted.dns.some((tree) => dnsWithin(name, tree))) return false
  return !excluded?.dns?.some((tree) => dnsOverlaps(name, tree))
}

/** A wildcard lies in a subtree when whatever its asterisk stands for does. */
function dnsWithin(name: string, tree: string): boolean {
  const base = tree.toLowerCase()
  if (base === '') return true
  // Not in RFC 5280 for DNS names, but in use: a leading dot leaves out the domain itself.
  return base.startsWith('.') ? name.endsWith(base) : name === base || name.endsWith(`.${base}`)
}

/** An exclusion is read as widely as any verifier reads it: `*.example.com` meets an excluded `a.example.com`. */
function dnsOverlaps(name: string, tree: string): boolean {
  const base = tree.toLowerCase().replace(/^\./, '')
  return dnsWithin(name, base) || (name.startsWith('*.') && base.slice(base.indexOf('.') + 1) === name.slice(2))
}

function ipAllowed(address: string, { permitted, excluded }: NameConstraints): boolean {
  const octets = parseIpAddress(address)
  if (!octets) return false
  const single = singleAddress(octets)
  if (permitted?.ip && !blocksOf(permitted.ip).some((block) => rangeContains(block, single))) return false
  return !(excluded?.ip && blocksOf(excluded.ip).some((block) => rangeContains(block, single)))
}

/**
 * An empty subject has no name to constrain. A permitted directory subtree must be the beginning of the subject to the
 * octet, which is stricter than the comparison of RFC 5280 section 7.1; and since an exclusion would need all of that
 * comparison, it refuses every subject.
 */
function subjectAllowed(subjectDer: Uint8Array, { permitted, excluded }: NameConstraints): boolean {
  if (subjectDer.length <= 2) return true
  if (excluded?.directoryDer?.length) return false
  return permitted?.directoryDer?.some((tree) => directoryWithin(subjectDer, tree)) ?? true
}

function directoryWithin(nameDer: Uint8Array, treeDer: Uint8Array): boolean {
  const [name, tree] = [nameDer, treeDer].map((der) =>
    readDer(der, 'a name', (reader) => Buffer.from(reader.element().contents)),
  )
  return name !== undefined && tree !== undefined && name.subarray(0, tree.length).equals(tree)
}

/**
 * Throws 'invalid-name-constraints' where a CA's own constraints permit what a level above it does not: harmless to
 * verifiers, who take the intersection, but not what its owner believes.
 */
export function assertConstraintsWithin(own: NameConstraints, levels: readonly (NameConstraints | undefined)[]): void {
  for (const above of levels) {
    const dns = own.permitted?.dns?.find((tree) => !dnsAllowed(tree.toLowerCase(), { permitted: above?.permitted }))
    const ip = own.permitted?.ip?.find((block) => !blockWithin(block, above?.permitted?.ip))
    const wider = dns ?? ip
    if (wider !== undefined) {
      throw new CaError('invalid-name-constraints', `${wider} is not permitted by the name constraints of the CA above`)
    }
  }
}

function blockWithin(block: string, permitted: readonly string[] | undefined): boolean {
  return permitted?.some((outer) => rangeContains(blockOf(outer), blockOf(block))) ?? true
}

/** Blocks parsed already: the lists of an issuer are asked about with every certificate. */
const parsedBlocks = new WeakMap<readonly string[], readonly IpRange[]>()

function blocksOf(texts: readonly string[]): readonly IpRange[] {
  const known = parsedBlocks.get(texts)
  if (known) return known
  const blocks = texts.map(blockOf)
  parsedBlocks.set(texts, blocks)
  return blocks
}

function blockOf(text: string): IpRange {
  const block = parseCidr(text)
  if (!block) {
    throw new CaError('invalid-name-constraints', `${text} is not an IP block such as 10.0.0.0/8, host bits zero`)
  }
  return block
}

const dnsTree = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i

/** The value of a NameConstraints extension; 'invalid-name-constraints'. */
export function writeNameConstraints({ permitted, excluded }: NameConstraints): Uint8Array {
  const parts = [permitted, excluded].flatMap((trees, index) =>
    trees ? [contextConstructed(index, ...writeSubtrees(trees))] : [],
  )
  if (parts.length === 0)
    throw new CaError('invalid-name-constraints', 'name constraints must permit or exclude something')
  return sequence(...parts)
}

function writeSubtrees({ dns = [], ip = [], directoryDer = [] }: Subtrees): Uint8Array[] {
  const trees = [
    ...dns.map((name) => element(generalNameTag.dNSName, dnsTreeOctets(name))),
    ...ip.map((text) => element(generalNameTag.iPAddress, blockOf(text).address, blockOf(text).mask)),
    ...directoryDer.map((name) => element(generalNameTag.directoryName, name)),
  ]
  // An empty list would not forbid everything: by RFC 5280 it would restrict nothing.
  if (trees.length === 0) throw new CaError('invalid-name-constraints', 'a list of subtrees must not be empty')
  return trees.map((base) => sequence(base))
}

function dnsTreeOctets(name: string): Uint8Array {
  if (!dnsTree.test(name)) {
    throw new CaError(
      'invalid-name-constraints',
      `${name} is not a DNS name; a subtree is written without * or leading dot`,
    )
  }
  return Buffer.from(name.toLowerCase(), 'latin1')
}

/**
 * Reads the value of a NameConstraints extension. Forms of name that our certificates never hold (email, URI and so on)
 * are left out, since they forbid nothing that is issued here. Throws DerError or 'invalid-name-constraints'.
 */
export function readNameConstraints(valueDer: Uint8Array): NameConstraints {
  return readDer(valueDer, 'the name constraints', (reader) => {
    const constraints = reader.sequence('the name constraints')
    const permitted = constraints.nextIs(constructedContextTag(0)) ? readSubtrees(constraints) : undefined
    const excluded = constraints.nextIs(constructedContextTag(1)) ? readSubtrees(constraints) : undefined
    constraints.end('the name constraints')
    return { ...(permitted && { permitted }), ...(excluded && { excluded }) }
  })
}

function readSubtrees(reader: DerReader): Subtrees {
  return readDer(reader.element().contents, 'subtrees', (list) => {
    const trees: { dns?: string[]; ip?: string[]; directoryDer?: Uint8Array[] } = {}
    do {
      const tree = list.sequence('a subtree')
      const base = tree.element()
      // > Within this profile, the minimum and maximum fields are not used with any name forms (section 4.2.1.10).
      tree.end('the base of a subtree')
      if (base.tag === generalNameTag.dNSName) (trees.dns ??= []).push(readAscii(base.contents, 'a DNS subtree'))
      if (base.tag === generalNameTag.iPAddress) (trees.ip ??= []).push(readBlock(base.contents))
      if (base.tag === generalNameTag.directoryName) (trees.directoryDer ??= []).push(base.contents)
    } while (!list.atEnd)
    return trees
  })
}

function readBlock(contents: Uint8Array): string {
  const middle = contents.length / 2
  const text = formatCidr({ address: contents.subarray(0, middle), mask: contents.subarray(middle) })
  if (text === undefined)
    throw new CaError('invalid-name-constraints', 'an IP block has holes in its mask or a bad length')
  return text
}
