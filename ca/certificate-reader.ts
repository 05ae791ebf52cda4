import { DerError, assertDer, readDer } from './der/reader.ts'
import type { DerReader } from './der/reader.ts'
import { constructedContextTag, tag } from './der/tags.ts'
import { readTime } from './der/time.ts'

/** An extension as read. */
export interface ReadExtension {
  readonly oid: string
  readonly critical: boolean
  readonly valueDer: Uint8Array
}

/** A tbsCertificate as read, its parts still in DER. */
export interface TbsCertificate {
  /** 3 is written as 2; a version 1 certificate says nothing and is 0 here. */
  readonly version: number
  /** Contents of the INTEGER. */
  readonly serialNumber: Uint8Array
  readonly signatureAlgorithmDer: Uint8Array
  readonly issuerDer: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subjectDer: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly extensions: readonly ReadExtension[]
}

/** A certificate as read. */
export interface Certificate {
  readonly tbsDer: Uint8Array
  readonly tbs: TbsCertificate
  readonly signatureAlgorithmDer: Uint8Array
  readonly signature: Uint8Array
}

/** Reads a certificate; throws DerError. Nothing is verified. */
export function readCertificate(der: Uint8Array): Certificate {
  return readDer(der, 'the certificate', (reader) => {
    const certificate = reader.sequence('the certificate')
    const tbsDer = certificate.expect(tag.sequence, 'the tbsCertificate').der
    const signatureAlgorithmDer = certificate.expect(tag.sequence, 'the signature algorithm').der
    const signature = certificate.octetAlignedBits('the signature')
    certificate.end('the certificate')
    return { tbsDer, tbs: readTbsCertificate(tbsDer), signatureAlgorithmDer, signature }
  })
}

/** Reads a tbsCertificate, which must be DER throughout; throws DerError. */
export function readTbsCertificate(tbsDer: Uint8Array): TbsCertificate {
  assertDer(tbsDer)
  return readDer(tbsDer, 'the tbsCertificate', (reader) => {
    const tbs = reader.sequence('the tbsCertificate')
    const version = readVersion(tbs)
    const serialNumber = tbs.integer('the serial number')
    const signatureAlgorithmDer = tbs.expect(tag.sequence, 'the signature algorithm').der
    const issuerDer = tbs.expect(tag.sequence, 'the issuer').der
    const validity = tbs.sequence('the validity')
    const notBefore = readTime(validity, 'notBefore')
    const notAfter = readTime(validity, 'notAfter')
    validity.end('the validity')
    const subjectDer = tbs.expect(tag.sequence, 'the subject').der
    const subjectPublicKeyInfoDer = tbs.expect(tag.sequence, 'the public key').der
    const extensions = tbs.atEnd ? [] : readExtensions(tbs.enter(constructedContextTag(3), 'the extensions'))
    tbs.end('the tbsCertificate')
    return {
      version,
      serialNumber,
      signatureAlgorithmDer,
      issuerDer,
      notBefore,
      notAfter,
      subjectDer,
      subjectPublicKeyInfoDer,
      extensions,
    }
  })
}

function readVersion(tbs: DerReader): number {
  const explicit = tbs.optional(constructedContextTag(0))
  return explicit === undefined ? 0 : readDer(explicit, 'the version', (reader) => reader.smallInteger('the version'))
}

/** Reads the Extensions that are left in `reader`; a type that comes twice is refused (RFC 5280 section 4.2). */
export function readExtensions(reader: DerReader): ReadExtension[] {
  const list = reader.sequence('the extensions')
  reader.end('the extensions')
  const extensions: ReadExtension[] = []
  do {
    const extension = list.sequence('an extension')
    const oid = extension.oid('the type of an extension')
    const critical = extension.defaultFalse('the criticality of an extension')
    const valueDer = extension.expect(tag.octetString, 'the value of an extension').contents
    extension.end('an extension')
    if (extensions.some((earlier) => earlier.oid === oid)) throw new DerError(`the extension ${oid} comes twice`)
    extensions.push({ oid, critical, valueDer })
  } while (!list.atEnd)
  return extensions
}
