import { createPublicKey, hash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readCertificate } from './certificate-reader.ts'
import type { TbsCertificate } from './certificate-reader.ts'
import { oids } from './der/oids.ts'
import { DerError } from './der/reader.ts'
import { readName } from './distinguished-name.ts'
import { CaError } from './errors.ts'
import { readBasicConstraints, readExtKeyUsage, readKeyUsage, readSubjectKeyIdentifier } from './extension-reader.ts'
import { keyIdentifier } from './key-identifier.ts'
import { importSoundKey } from './key-soundness.ts'
import { readNameConstraints } from './name-constraints.ts'
import type { NameConstraints } from './name-constraints.ts'
import { decodePem, encodePem } from './pem.ts'
import { createLocalSigner } from './signer.ts'
import type { Signer } from './signer.ts'

/** What the CAs above an issuer allow it; known only where it was loaded with its chain. */
export interface InheritedLimits {
  /** How many more CAs may follow the issuer, by the certificates above it. */
  readonly pathLength?: number | undefined
  readonly nameConstraints: readonly NameConstraints[]
  readonly extendedKeyUsages: readonly (readonly string[])[]
}

/** A CA certificate, read. */
export interface IssuerCertificate {
  readonly der: Uint8Array
  readonly pem: string
  readonly subjectDer: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
  readonly subjectKeyId: Uint8Array
  /** Lower-case hex. */
  readonly serialNumber: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly pathLength?: number | undefined
  readonly nameConstraints?: NameConstraints | undefined
  /** Object identifiers. Verifiers let a CA's list restrict what is below it, though RFC 5280 does not say so. */
  readonly extendedKeyUsages?: readonly string[] | undefined
  readonly inherited: InheritedLimits
  /** Sentences about what strict verifiers (OpenSSL -x509_strict, Python since 3.13) refuse in it or in its chain. */
  readonly warnings: readonly string[]
  /** Lower-case hex. */
  readonly sha256Fingerprint: string
}

/** A CA that can sign. */
export interface IssuingCa {
  readonly certificate: IssuerCertificate
  /** Issuer first, up to but without a self-signed root; empty where the issuer is the root. */
  readonly chainPem: string
  readonly rootPem: string
  readonly signer: Signer
}

/** Reads a CA certificate; 'certificate-unparseable', 'not-a-ca', 'invalid-name-constraints', 'weak-key', 'malformed-key'. */
export function parseIssuerCertificate(der: Uint8Array): IssuerCertificate {
  const certificate = readCaCertificate(der)
  importSoundKey(certificate.subjectPublicKeyInfoDer)
  return certificate
}

/**
 * Puts a stored CA and its key together, with the limits of the CAs in its chain. 'key-mismatch' where they don't
 * belong together, 'path-length-exceeded' where the chain already forbids it to issue, else as `parseIssuerCertificate`.
 */
export function loadIssuingCa(
  input: { certificateDer: Uint8Array; chainPem: string; rootPem: string },
  privateKey: KeyObject,
): IssuingCa {
  const certificate = parseIssuerCertificate(input.certificateDer)
  const signer = createLocalSigner(privateKey)
  if (!publicKeyOf(certificate).equals(signer.publicKey)) {
    throw new CaError('key-mismatch', 'the private key does not belong to the CA certificate')
  }
  const above = [...decodePem(input.chainPem, 'CERTIFICATE'), ...decodePem(input.rootPem, 'CERTIFICATE')].map(
    readCaCertificate,
  )
  const warnings = new Set([certificate, ...above].flatMap((ca) => ca.warnings))
  return {
    certificate: { ...certificate, inherited: limitsOf(certificate, above), warnings: [...warnings] },
    chainPem: input.chainPem,
    rootPem: input.rootPem,
    signer,
  }
}

/** How many CAs may follow this one: undefined without limit. */
export function remainingPathLength({ pathLength, inherited }: IssuerCertificate): number | undefined {
  const limits = [pathLength, inherited.pathLength].filter((limit) => limit !== undefined)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

/** The limits that a CA's chain, nearest first, sets to it; the CA itself and repetitions in the chain don't count. */
function limitsOf(issuer: IssuerCertificate, chain: readonly IssuerCertificate[]): InheritedLimits {
  const distinct = new Map(chain.map((certificate) => [certificate.sha256Fingerprint, certificate]))
  distinct.delete(issuer.sha256Fingerprint)
  const above = [...distinct.values()]
  // A path length counts the CAs that follow: the issuer itself is one, those between are the others.
  const lengths = above.map(({ pathLength = Infinity }, between) => pathLength - between - 1)
  const pathLength = Math.min(...lengths)
  if (pathLength < 0) {
    throw new CaError(
      'path-length-exceeded',
      'a CA above has a path length that is used up before it comes to the issuer',
    )
  }
  return {
    pathLength: pathLength === Infinity ? undefined : pathLength,
    nameConstraints: above.flatMap(({ nameConstraints }) => nameConstraints ?? []),
    extendedKeyUsages: above.flatMap(({ extendedKeyUsages }) => (extendedKeyUsages ? [extendedKeyUsages] : [])),
  }
}

export function publicKeyOf(certificate: IssuerCertificate): KeyObject {
  return createPublicKey({ key: Buffer.from(certificate.subjectPublicKeyInfoDer), format: 'der', type: 'spki' })
}

/** As `parseIssuerCertificate`, without judging the key: for CAs that others keep. */
export function readCaCertificate(der: Uint8Array): IssuerCertificate {
  try {
    const { tbs } = readCertificate(der)
    assertCa(tbs)
    return describeCa(der, tbs)
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
    throw new CaError('certificate-unparseable', `the CA certificate can not be read: ${cause.message}`, { cause })
  }
}

function describeCa(der: Uint8Array, tbs: TbsCertificate): IssuerCertificate {
  const constraints = valueOf(tbs, oids.nameConstraints)
  const purposes = valueOf(tbs, oids.extKeyUsage)
  const keyId = valueOf(tbs, oids.subjectKeyIdentifier)
  return {
    der,
    pem: encodePem('CERTIFICATE', der),
    subjectDer: tbs.subjectDer,
    subjectPublicKeyInfoDer: tbs.subjectPublicKeyInfoDer,
    subjectKeyId: keyId ? readSubjectKeyIdentifier(keyId) : keyIdentifier(tbs.subjectPublicKeyInfoDer),
    serialNumber: Buffer.from(tbs.serialNumber).toString('hex'),
    notBefore: tbs.notBefore,
    notAfter: tbs.notAfter,
    pathLength: readBasicConstraints(valueOf(tbs, oids.basicConstraints) ?? new Uint8Array()).pathLength,
    nameConstraints: constraints && readNameConstraints(constraints),
    extendedKeyUsages: purposes && readExtKeyUsage(purposes),
    inherited: { nameConstraints: [], extendedKeyUsages: [] },
    warnings: warningsOf(tbs),
    sha256Fingerprint: hash('sha256', der, 'hex'),
  }
}

/**
 * Critical extensions of a CA that are understood here, or that can't make a leaf of ours invalid. Policy constraints
 * are not among them: they may demand policies that our leaves don't have.
 */
const understoodExtensions: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extKeyUsage,
  oids.nameConstraints,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
  oids.subjectAltName,
  oids.certificatePolicies,
  oids.inhibitAnyPolicy,
])

function assertCa(tbs: TbsCertificate): void {
  const constraints = valueOf(tbs, oids.basicConstraints)
  if (tbs.version !== 2 || !constraints || !readBasicConstraints(constraints).ca) {
    throw new CaError('not-a-ca', 'the certificate is not a CA: its basicConstraints do not say cA')
  }
  const keyUsage = valueOf(tbs, oids.keyUsage)
  if (keyUsage && !readKeyUsage(keyUsage).includes('keyCertSign')) {
    throw new CaError('not-a-ca', 'the certificate is not a CA: its keyUsage does not say keyCertSign')
  }
  if (tbs.subjectDer.length <= 2) throw new CaError('not-a-ca', 'the certificate is not a CA: its subject is empty')
  const unknown = tbs.extensions.find(({ oid, critical }) => critical && !understoodExtensions.has(oid))
  if (unknown) {
    throw new CaError(
      'certificate-unparseable',
      `the CA certificate has the critical extension ${unknown.oid}, which is not supported`,
    )
  }
}

/**
 * RFC 5280 section 4.2.1 wants these of every CA, and many that openssl made with its default configuration lack them.
 * Most verifiers don't mind, so neither do we.
 */
function warningsOf(tbs: TbsCertificate): string[] {
  const name = readName(tbs.subjectDer).at(-1)?.text ?? 'a CA'
  const constraints = tbs.extensions.find(({ oid }) => oid === oids.basicConstraints)
  return [
    valueOf(tbs, oids.keyUsage) ? [] : [`${name} has no keyUsage`],
    valueOf(tbs, oids.subjectKeyIdentifier) ? [] : [`${name} has no subjectKeyIdentifier`],
    constraints?.critical ? [] : [`${name} has basicConstraints that are not critical`],
  ].flat()
}

function valueOf(tbs: TbsCertificate, oid: string): Uint8Array | undefined {
  return tbs.extensions.find((extension) => extension.oid === oid)?.valueDer
}
