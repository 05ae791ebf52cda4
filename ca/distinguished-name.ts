import { oids } from './der/oids.ts'
import { DerError, readDer } from './der/reader.ts'
import type { DerElement } from './der/reader.ts'
import { tag } from './der/tags.ts'
import { oid, printableString, sequence, setOfOne, utf8String } from './der/writer.ts'

/** One attribute of a name as read; `text` is undefined where its type of string isn't one that is read here. */
export interface NameAttribute {
  /** Which RelativeDistinguishedName of the name it is in, from 0. */
  readonly position: number
  readonly oid: string
  readonly tag: number
  readonly text: string | undefined
}

/** The attributes that we write, in the order in which they are written. */
export interface WritableName {
  readonly country?: readonly string[] | undefined
  readonly organization?: readonly string[] | undefined
  readonly organizationalUnit?: readonly string[] | undefined
  readonly commonName?: string | undefined
}

const country = oid(oids.countryName)
const organization = oid(oids.organizationName)
const organizationalUnit = oid(oids.organizationalUnitName)
const commonName = oid(oids.commonName)
const emptyName = sequence()

/** DER of a Name, one attribute to each RelativeDistinguishedName; UTF8String but for the country (RFC 5280 appendix A.1). */
export function writeName(name: WritableName): Uint8Array {
  const attributes = [
    ...(name.country ?? []).map((text) => sequence(country, printableString(text))),
    ...(name.organization ?? []).map((text) => sequence(organization, utf8String(text))),
    ...(name.organizationalUnit ?? []).map((text) => sequence(organizationalUnit, utf8String(text))),
    ...(name.commonName === undefined ? [] : [sequence(commonName, utf8String(name.commonName))]),
  ]
  return attributes.length === 0 ? emptyName : sequence(...attributes.map(setOfOne))
}

/** Attributes of a Name in order, across all its RelativeDistinguishedNames. */
export function readName(nameDer: Uint8Array): NameAttribute[] {
  return readDer(nameDer, 'a name', (reader) => {
    const attributes: NameAttribute[] = []
    const name = reader.sequence('a name')
    for (let position = 0; !name.atEnd; position++) {
      const relative = name.enter(tag.set, 'a relative distinguished name')
      do {
        const attribute = relative.sequence('an attribute of a name')
        const type = attribute.oid('the type of an attribute')
        const value = attribute.element()
        attribute.end('an attribute of a name')
        attributes.push({ position, oid: type, tag: value.tag, text: readText(value) })
      } while (!relative.atEnd)
    }
    return attributes
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text of a DirectoryString or one of its kin; undefined for a type of string that isn't one of them. */
function readText({ tag: type, contents }: DerElement): string | undefined {
  switch (type) {
    case tag.utf8String:
      return decodeUtf8(contents)
    case tag.printableString:
    case tag.numericString:
    case tag.ia5String:
      return readAscii(contents, 'a string')
    case tag.teletexString:
      return Buffer.from(contents).toString('latin1')
    case tag.bmpString:
      if (contents.length % 2 !== 0) throw new DerError('a BMPString has half a character')
      return Buffer.from(contents).swap16().toString('utf16le')
    default:
      return undefined
  }
}

function decodeUtf8(contents: Uint8Array): string {
  try {
    return utf8.decode(contents)
  } catch (cause) {
    throw new DerError('a UTF8String is not UTF-8', { cause })
  }
}

/** Text of octets that must all be ASCII. */
export function readAscii(contents: Uint8Array, what: string): string {
  if (contents.some((octet) => octet > 0x7f)) throw new DerError(`${what} has octets that are not ASCII`)
  return Buffer.from(contents.buffer, contents.byteOffset, contents.length).toString('latin1')
}
