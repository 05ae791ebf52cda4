import { oids } from './der/oids.ts'
import { DerError, readDer } from './der/reader.ts'
import { contextTag, constructedContextTag, tag } from './der/tags.ts'
import { readAscii } from './distinguished-name.ts'
import { generalNameTag, readGeneralNames } from './general-names.ts'
import type { GeneralName } from './general-names.ts'
import { keyUsages } from './usages.ts'
import type { KeyUsage } from './usages.ts'

// Each of these reads the value of one extension and throws DerError unless it is exactly that.

export function readBasicConstraints(valueDer: Uint8Array): { ca: boolean; pathLength?: number } {
  return readDer(valueDer, 'basicConstraints', (reader) => {
    const constraints = reader.sequence('basicConstraints')
    const ca = constraints.defaultFalse('cA')
    if (constraints.atEnd) return { ca }
    if (!ca) throw new DerError('basicConstraints has a path length without cA')
    const pathLength = constraints.smallInteger('the path length')
    constraints.end('basicConstraints')
    return { ca, pathLength }
  })
}

export function readKeyUsage(valueDer: Uint8Array): KeyUsage[] {
  return readDer(valueDer, 'keyUsage', (reader) => {
    const { contents } = reader.expect(tag.bitString, 'keyUsage')
    const [unused = 0, first = 0, second = 0] = contents
    const bits = (first << 8) | second
    const named = keyUsages.filter((_, position) => (bits & (0x8000 >> position)) !== 0)
    // Named bits end with the last one that is set (X.690 section 11.2.2).
    const last = keyUsages.findLastIndex((usage) => named.includes(usage))
    if (contents.length !== 2 + (last >> 3) || unused !== 7 - (last & 7) || (bits & 0x7f) !== 0) {
      throw new DerError('keyUsage is not a list of named bits in DER')
    }
    return named
  })
}

export function readExtKeyUsage(valueDer: Uint8Array): string[] {
  return readDer(valueDer, 'extKeyUsage', (reader) => {
    const list = reader.sequence('extKeyUsage')
    const purposes: string[] = []
    do purposes.push(list.oid('a key purpose'))
    while (!list.atEnd)
    return purposes
  })
}

export function readSubjectAltName(valueDer: Uint8Array): GeneralName[] {
  return readDer(valueDer, 'subjectAltName', readGeneralNames)
}

export function readSubjectKeyIdentifier(valueDer: Uint8Array): Uint8Array {
  return readDer(valueDer, 'subjectKeyIdentifier', (reader) => {
    return reader.expect(tag.octetString, 'subjectKeyIdentifier').contents
  })
}

/** The key identifier alone: an issuer's name and serial number may stand beside it and are passed over. */
export function readAuthorityKeyIdentifier(valueDer: Uint8Array): { keyId: Uint8Array | undefined; alone: boolean } {
  return readDer(valueDer, 'authorityKeyIdentifier', (reader) => {
    const identifier = reader.sequence('authorityKeyIdentifier')
    const keyId = identifier.optional(contextTag(0))
    return { keyId, alone: identifier.atEnd }
  })
}

/** Access methods and URLs in order; other methods, and anything but a URI, are refused. */
export function readAuthorityInfoAccess(valueDer: Uint8Array): { method: 'ocsp' | 'caIssuers'; url: string }[] {
  return readDer(valueDer, 'authorityInfoAccess', (reader) => {
    const descriptions: { method: 'ocsp' | 'caIssuers'; url: string }[] = []
    const list = reader.sequence('authorityInfoAccess')
    do {
      const access = list.sequence('an access description')
      const method = access.oid('an access method')
      const location = access.expect(generalNameTag.uniformResourceIdentifier, 'an access location').contents
      access.end('an access description')
      if (method !== oids.ocsp && method !== oids.caIssuers) throw new DerError(`access method ${method} is unknown`)
      descriptions.push({ method: method === oids.ocsp ? 'ocsp' : 'caIssuers', url: readAscii(location, 'a URL') })
    } while (!list.atEnd)
    return descriptions
  })
}

/** URLs of the one distribution point; reasons, issuers and relative names are refused. */
export function readCrlDistributionPoints(valueDer: Uint8Array): string[] {
  return readDer(valueDer, 'cRLDistributionPoints', (reader) => {
    const list = reader.sequence('cRLDistributionPoints')
    const point = list.sequence('a distribution point')
    const name = point.enter(constructedContextTag(0), 'the name of a distribution point')
    const fullName = name.enter(constructedContextTag(0), 'the full name of a distribution point')
    const urls: string[] = []
    do {
      const { contents } = fullName.expect(generalNameTag.uniformResourceIdentifier, 'a distribution point')
      urls.push(readAscii(contents, 'a URL'))
    } while (!fullName.atEnd)
    name.end('the full name of a distribution point')
    point.end('a distribution point')
    list.end('a distribution point')
    return urls
  })
}
