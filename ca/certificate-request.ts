import { verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readExtensions } from './certificate-reader.ts'
import type { ReadExtension } from './certificate-reader.ts'
import { oids } from './der/oids.ts'
import { DerError, DerReader, assertDer, readDer } from './der/reader.ts'
import { constructedContextTag, tag } from './der/tags.ts'
import { readName } from './distinguished-name.ts'
import type { NameAttribute } from './distinguished-name.ts'
import { CaError } from './errors.ts'
import type { CaErrorCode } from './errors.ts'
import { readSubjectAltName } from './extension-reader.ts'
import type { GeneralName } from './general-names.ts'
import { importSoundKey } from './key-soundness.ts'
import type { Digest } from './signature-algorithms.ts'

/** A PKCS#10 request (RFC 2986) whose form, key and self-signature have been found good. Nothing in it is to be copied. */
export interface CertificateRequest {
  readonly der: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly publicKey: KeyObject
  readonly commonNames: readonly string[]
  /** How many attributes the subject has, common names included. */
  readonly subjectAttributes: number
  /** Every subjectAltName, of every type, as written (DNS names are not lower-cased). */
  readonly names: readonly GeneralName[]
  /** Object identifiers of the extensions asked for. */
  readonly requestedExtensions: readonly string[]
}

const maximumOctets = 32 * 1024

/**
 * Reads a request strictly: DER throughout, at most 32 KiB, no trailing bytes, version 1, at most one extensionRequest
 * and no extension twice, names that are names, a sound key, and a self-signature that verifies. Throws CaError with
 * 'csr-too-large', 'csr-unparseable', 'csr-bad-extension', 'csr-bad-name', 'malformed-key', 'weak-key' or
 * 'csr-bad-signature'. What is asked for in vain (usages, must-staple, subject attributes) is reported, not refused;
 * a CA certificate, or a critical extension that is unknown here, is refused.
 */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  if (der.length > maximumOctets) {
    throw new CaError('csr-too-large', `a request may have ${maximumOctets} octets, this one has ${der.length}`)
  }
  const request = refusing('csr-unparseable', 'the request is not PKCS#10 in DER', () => readRequest(der))
  const extensions = refusing('csr-bad-extension', 'the extensions asked for', () =>
    readRequestedExtensions(request.attributes),
  )
  const subject = refusing('csr-bad-name', 'the subject', () => readName(request.subjectDer))
  const commonNames = refusing('csr-bad-name', 'the subject', () => readCommonNames(subject))
  const names = refusing('csr-bad-name', 'the subjectAltName', () => readRequestedNames(extensions))
  const publicKey = importSoundKey(request.subjectPublicKeyInfoDer)
  assertSelfSigned(request, publicKey)
  return {
    der,
    subjectPublicKeyInfoDer: request.subjectPublicKeyInfoDer,
    publicKey,
    commonNames,
    subjectAttributes: subject.length,
    names,
    requestedExtensions: extensions.map(({ oid }) => oid),
  }
}

/** Runs a reader and turns its DerError into a refusal with this code. */
function refusing<T>(code: CaErrorCode, what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof DerError) throw new CaError(code, `${what}: ${cause.message}`, { cause })
    throw cause
  }
}

interface Attribute {
  readonly type: string
  readonly values: Uint8Array
}

interface Request {
  readonly signedDer: Uint8Array
  readonly subjectDer: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly attributes: readonly Attribute[]
  readonly signatureAlgorithmDer: Uint8Array
  readonly signature: Uint8Array
}

function readRequest(der: Uint8Array): Request {
  assertDer(der)
  return readDer(der, 'the request', (reader) => {
    const request = reader.sequence('the request')
    const signedDer = request.expect(tag.sequence, 'certificationRequestInfo').der
    const signatureAlgorithmDer = request.expect(tag.sequence, 'the signature algorithm').der
    const signature = request.octetAlignedBits('the signature')
    request.end('the request')
    return { signedDer, signatureAlgorithmDer, signature, ...readInfo(signedDer) }
  })
}

function readInfo(signedDer: Uint8Array): Pick<Request, 'subjectDer' | 'subjectPublicKeyInfoDer' | 'attributes'> {
  return readDer(signedDer, 'certificationRequestInfo', (reader) => {
    const info = reader.sequence('certificationRequestInfo')
    if (info.smallInteger('the version') !== 0) throw new DerError('the version is not 1')
    const subjectDer = info.expect(tag.sequence, 'the subject').der
    const subjectPublicKeyInfoDer = info.expect(tag.sequence, 'the public key').der
    // Mandatory by RFC 2986 even when empty, and still left out by some clients.
    const attributes = info.atEnd ? [] : readAttributes(info.enter(constructedContextTag(0), 'the attributes'))
    info.end('certificationRequestInfo')
    return { subjectDer, subjectPublicKeyInfoDer, attributes }
  })
}

function readAttributes(reader: DerReader): Attribute[] {
  const attributes: Attribute[] = []
  while (!reader.atEnd) {
    const attribute = reader.sequence('an attribute')
    const type = attribute.oid('the type of an attribute')
    const values = attribute.expect(tag.set, 'the values of an attribute').contents
    attribute.end('an attribute')
    if (values.length === 0) throw new DerError(`the attribute ${type} has no value`)
    if (attributes.some((earlier) => earlier.type === type)) throw new DerError(`the attribute ${type} comes twice`)
    attributes.push({ type, values })
  }
  return attributes
}

/** Extensions whose criticality says nothing that we would have to obey: their contents are the profile's to decide. */
const understoodExtensions: ReadonlySet<string> = new Set([
  oids.subjectAltName,
  oids.basicConstraints,
  oids.keyUsage,
  oids.extKeyUsage,
])

function readRequestedExtensions(attributes: readonly Attribute[]): ReadExtension[] {
  if (attributes.some(({ type }) => type === oids.microsoftCertificateExtensions)) {
    throw new DerError('the extensions are in an attribute of Microsoft; only extensionRequest of PKCS#9 is read')
  }
  const attribute = attributes.find(({ type }) => type === oids.extensionRequest)
  const extensions = attribute ? readExtensions(new DerReader(attribute.values)) : []
  for (const { oid, critical } of extensions) {
    if (critical && !understoodExtensions.has(oid)) throw new DerError(`the critical extension ${oid} is not supported`)
  }
  const constraints = extensions.find(({ oid }) => oid === oids.basicConstraints)
  if (constraints && asksForCa(constraints.valueDer)) throw new DerError('a CA certificate is not issued on request')
  return extensions
}

/** An explicit FALSE is not DER, but common, and harmless. */
function asksForCa(basicConstraintsDer: Uint8Array): boolean {
  return readDer(basicConstraintsDer, 'basicConstraints', (reader) => {
    const ca = reader.sequence('basicConstraints').optional(tag.boolean)
    return ca !== undefined && ca.some((octet) => octet !== 0)
  })
}

function readCommonNames(subject: readonly NameAttribute[]): string[] {
  return subject
    .filter(({ oid }) => oid === oids.commonName)
    .map(({ text }) => {
      if (text === undefined || !/^\P{Cc}+$/u.test(text)) {
        throw new DerError('a common name is empty, has control characters, or is of no known type of string')
      }
      return text
    })
}

function readRequestedNames(extensions: readonly ReadExtension[]): GeneralName[] {
  const extension = extensions.find(({ oid }) => oid === oids.subjectAltName)
  return extension ? readSubjectAltName(extension.valueDer) : []
}

/** Signature algorithms that a request may be signed with, and the type of key (of node:crypto) that each needs. */
const requestAlgorithms: ReadonlyMap<string, { digest: Digest; keyType: string }> = new Map([
  [oids.sha256WithRSAEncryption, { digest: 'sha256', keyType: 'rsa' }],
  [oids.sha384WithRSAEncryption, { digest: 'sha384', keyType: 'rsa' }],
  [oids.sha512WithRSAEncryption, { digest: 'sha512', keyType: 'rsa' }],
  [oids.ecdsaWithSHA256, { digest: 'sha256', keyType: 'ec' }],
  [oids.ecdsaWithSHA384, { digest: 'sha384', keyType: 'ec' }],
  [oids.ecdsaWithSHA512, { digest: 'sha512', keyType: 'ec' }],
  [oids.ed25519, { digest: null, keyType: 'ed25519' }],
])

function assertSelfSigned(request: Request, publicKey: KeyObject): void {
  const name = refusing('csr-unparseable', 'the signature algorithm', () =>
    readAlgorithm(request.signatureAlgorithmDer),
  )
  const algorithm = requestAlgorithms.get(name)
  if (!algorithm || algorithm.keyType !== publicKey.asymmetricKeyType) {
    throw new CaError(
      'csr-bad-signature',
      `signature algorithm ${name} is not accepted for this key; use SHA-256, SHA-384 or SHA-512 with ECDSA or RSA (PKCS#1 v1.5), or Ed25519`,
    )
  }
  if (!verify(algorithm.digest, request.signedDer, publicKey, request.signature)) {
    throw new CaError('csr-bad-signature', 'the signature of the request does not verify with its own key')
  }
}

/** RSA has NULL parameters or, by RFC 4055 section 5, none; the others never have any. */
function readAlgorithm(algorithmDer: Uint8Array): string {
  return readDer(algorithmDer, 'the signature algorithm', (reader) => {
    const algorithm = reader.sequence('the signature algorithm')
    const name = algorithm.oid('the signature algorithm')
    if (requestAlgorithms.get(name)?.keyType === 'rsa') algorithm.optional(tag.null)
    if (requestAlgorithms.has(name)) algorithm.end('the signature algorithm')
    return name
  })
}
