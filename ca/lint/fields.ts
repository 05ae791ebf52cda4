import type { TbsCertificate } from '../certificate-reader.ts'
import { oids } from '../der/oids.ts'
import { tag } from '../der/tags.ts'
import { readName } from '../distinguished-name.ts'
import type { NameAttribute, WritableName } from '../distinguished-name.ts'
import { readKeyAlgorithm } from '../usages.ts'
import type { SignatureAlgorithm } from '../signature-algorithms.ts'
import { sameOctets } from '../octets.ts'
import type { Rule } from './rules.ts'

/** What the fields of a certificate must say. */
export interface FieldExpectation {
  readonly serialNumber: Uint8Array
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subject: WritableName
  readonly subjectPublicKeyInfoDer: Uint8Array
  /** The CA that signs; for a self-signed certificate its own name, key and validity. */
  readonly issuer: {
    readonly subjectDer: Uint8Array
    readonly subjectPublicKeyInfoDer: Uint8Array
    readonly notBefore: Date
    readonly notAfter: Date
  }
}

/** Rules about everything but the extensions (RFC 5280 section 4.1). */
export const fieldRules: Readonly<Record<string, Rule<FieldExpectation>>> = {
  version: (tbs) => (tbs.version === 2 ? undefined : 'the version is not 3'),
  'serial-number': serialNumber,
  'signature-algorithm': signatureAlgorithm,
  issuer: (tbs, { issuer }) =>
    sameOctets(tbs.issuerDer, issuer.subjectDer) && tbs.issuerDer.length > 2
      ? undefined
      : "the issuer is not the issuing CA's subject to the octet",
  validity,
  subject,
  'public-key': (tbs, expected) =>
    sameOctets(tbs.subjectPublicKeyInfoDer, expected.subjectPublicKeyInfoDer)
      ? undefined
      : 'the public key is not the one that was asked for',
}

/** > Certificate users MUST be able to handle serialNumber values up to 20 octets. (section 4.1.2.2) */
function serialNumber({ serialNumber: found }: TbsCertificate, expected: FieldExpectation): string | undefined {
  if ((found[0] ?? 0x80) >= 0x80 || found.every((octet) => octet === 0)) return 'the serial number is not positive'
  if (found.length > 20) return 'the serial number has more than 20 octets'
  return hexNumber(found) === hexNumber(expected.serialNumber) ? undefined : 'the serial number is not the planned one'
}

function hexNumber(octets: Uint8Array): string {
  return Buffer.from(octets)
    .toString('hex')
    .replace(/^(00)+/, '')
}

/** The AlgorithmIdentifiers to the octet, on purpose not taken from what the writer uses, and the keys they need. */
const algorithms: Readonly<Record<SignatureAlgorithm, { hex: string; key: string }>> = {
  'ecdsa-with-SHA256': { hex: '300a06082a8648ce3d040302', key: oids.ecPublicKey },
  'ecdsa-with-SHA384': { hex: '300a06082a8648ce3d040303', key: oids.ecPublicKey },
  'ecdsa-with-SHA512': { hex: '300a06082a8648ce3d040304', key: oids.ecPublicKey },
  sha256WithRSAEncryption: { hex: '300d06092a864886f70d01010b0500', key: oids.rsaEncryption },
  Ed25519: { hex: '300506032b6570', key: oids.ed25519 },
}

function signatureAlgorithm(tbs: TbsCertificate, expected: FieldExpectation): string | undefined {
  const { hex, key } = algorithms[expected.signatureAlgorithm]
  if (Buffer.from(tbs.signatureAlgorithmDer).toString('hex') !== hex) {
    return `the signature algorithm is not ${expected.signatureAlgorithm}`
  }
  return readKeyAlgorithm(expected.issuer.subjectPublicKeyInfoDer) === key
    ? undefined
    : "the signature algorithm does not fit the issuing CA's key"
}

function validity({ notBefore, notAfter }: TbsCertificate, expected: FieldExpectation): string | undefined {
  if (notBefore.getTime() !== expected.notBefore.getTime()) return 'notBefore is not the planned one'
  if (notAfter.getTime() !== expected.notAfter.getTime()) return 'notAfter is not the planned one'
  if (notAfter < notBefore) return 'notAfter is before notBefore'
  if (notBefore < expected.issuer.notBefore || notAfter > expected.issuer.notAfter) {
    return "the validity is not within the issuing CA's"
  }
  return undefined
}

function subject(tbs: TbsCertificate, expected: FieldExpectation): string | undefined {
  const found = readName(tbs.subjectDer)
  const wanted = expectedAttributes(expected.subject)
  if (found.length !== wanted.length || !found.every((attribute, index) => isPlain(attribute, index, wanted[index]))) {
    return 'the subject is not the planned one'
  }
  return found.some(({ text = '' }) => text.length === 0 || text.length > 64)
    ? 'an attribute of the subject is empty or has more than 64 characters'
    : undefined
}

function expectedAttributes(name: WritableName): [string, string][] {
  const list = (type: string, texts: readonly string[] = []): [string, string][] => texts.map((text) => [type, text])
  return [
    ...list(oids.countryName, name.country),
    ...list(oids.organizationName, name.organization),
    ...list(oids.organizationalUnitName, name.organizationalUnit),
    ...list(oids.commonName, name.commonName === undefined ? [] : [name.commonName]),
  ]
}

/** One attribute to each RelativeDistinguishedName, and UTF8String (section 4.1.2.4) but for the country. */
function isPlain(attribute: NameAttribute, index: number, wanted: [string, string] | undefined): boolean {
  const encoding = attribute.oid === oids.countryName ? tag.printableString : tag.utf8String
  return (
    attribute.position === index &&
    attribute.tag === encoding &&
    attribute.oid === wanted?.[0] &&
    attribute.text === wanted[1]
  )
}
