import { DerError, oidText } from './der/reader.ts'
import type { DerElement, DerReader } from './der/reader.ts'
import { contextTag, constructedContextTag } from './der/tags.ts'
import { readAscii } from './distinguished-name.ts'
import { formatIpAddress } from './ip-address.ts'

/** A name of RFC 5280 section 4.2.1.6. An IP address is in canonical text form (RFC 5952), a directory name in hex DER. */
export interface GeneralName {
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'directory' | 'registered-id' | 'other'
  readonly value: string
}

/** Choices of GeneralName that this engine writes or constrains. */
export const generalNameTag = {
  rfc822Name: contextTag(1),
  dNSName: contextTag(2),
  directoryName: constructedContextTag(4),
  uniformResourceIdentifier: contextTag(6),
  iPAddress: contextTag(7),
  registeredID: contextTag(8),
} as const

/** Choices whose contents nobody here interprets: otherName, x400Address, ediPartyName. */
const opaqueTags: ReadonlySet<number> = new Set([
  constructedContextTag(0),
  constructedContextTag(3),
  constructedContextTag(5),
])

/** The names of a GeneralNames, of which there must be one at least. */
export function readGeneralNames(reader: DerReader): GeneralName[] {
  const list = reader.sequence('a list of names')
  const names: GeneralName[] = []
  do names.push(readGeneralName(list.element()))
  while (!list.atEnd)
  return names
}

function readGeneralName(element: DerElement): GeneralName {
  const { contents } = element
  switch (element.tag) {
    case generalNameTag.dNSName:
      return { type: 'dns', value: readPrintable(contents, 'a DNS name') }
    case generalNameTag.iPAddress:
      return { type: 'ip', value: readAddress(contents) }
    case generalNameTag.rfc822Name:
      return { type: 'email', value: readPrintable(contents, 'an email address') }
    case generalNameTag.uniformResourceIdentifier:
      return { type: 'uri', value: readPrintable(contents, 'a URI') }
    case generalNameTag.directoryName:
      return { type: 'directory', value: Buffer.from(contents).toString('hex') }
    case generalNameTag.registeredID:
      return { type: 'registered-id', value: oidText(contents) }
    default:
      if (!opaqueTags.has(element.tag)) throw new DerError('a name is of no type that X.509 knows')
      return { type: 'other', value: Buffer.from(element.der).toString('hex') }
  }
}

function readAddress(contents: Uint8Array): string {
  const text = formatIpAddress(contents)
  if (text === undefined) throw new DerError('an IP address has neither 4 nor 16 octets')
  return text
}

/** ASCII without controls or spaces: a NUL inside a name has fooled verifiers before. */
function readPrintable(contents: Uint8Array, what: string): string {
  const text = readAscii(contents, what)
  if (!/^[!-~]+$/.test(text)) throw new DerError(`${what} is empty or has spaces or control characters`)
  return text
}
