import { writeName } from './distinguished-name.ts'
import { CaError } from './errors.ts'
import {
  authorityInfoAccessExtension,
  authorityKeyIdentifierExtension,
  caBasicConstraints,
  crlDistributionPointsExtension,
  keyUsageExtension,
  nameConstraintsExtension,
  subjectKeyIdentifierExtension,
} from './extensions.ts'
import { remainingPathLength } from './issuer.ts'
import type { IssuerCertificate, IssuingCa } from './issuer.ts'
import { assertSoundKey } from './key-soundness.ts'
import { signTbsCertificate } from './leaf-certificate.ts'
import { lintCaTbsCertificate } from './lint/ca.ts'
import type { CaExpectation } from './lint/ca.ts'
import { sameOctets } from './octets.ts'
import { assertConstraintsWithin, findForbiddenName } from './name-constraints.ts'
import type { NameConstraints } from './name-constraints.ts'
import type { Signer } from './signer.ts'
import { assertWithinIssuer, writeTbsCertificate } from './tbs-certificate.ts'

/** The subject of a CA that we make. */
export interface CaSubject {
  readonly commonName: string
  readonly organization?: readonly string[] | undefined
  readonly organizationalUnit?: readonly string[] | undefined
  /** Two capital letters each (ISO 3166-1). */
  readonly country?: readonly string[] | undefined
}

/** A CA certificate to be made. Dates are whole seconds. */
export interface CaCertificateSpec {
  readonly subject: CaSubject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly pathLength?: number | undefined
  readonly nameConstraints?: NameConstraints | undefined
  readonly serialNumber: Uint8Array
  /** Where a subordinate CA's own issuer publishes its certificate and CRL. */
  readonly urls?: CaExpectation['urls'] | undefined
}

/**
 * Makes a self-signed root, linted before it is signed. Returns the certificate's DER. Throws 'invalid-subject',
 * 'invalid-name-constraints', 'weak-key', 'lint-failed'.
 */
export async function createSelfSignedCa(spec: CaCertificateSpec, signer: Signer): Promise<Uint8Array> {
  const subjectDer = subjectOfCa(spec.subject)
  const subjectPublicKeyInfoDer = signer.publicKey.export({ type: 'spki', format: 'der' })
  return issue(
    {
      ...spec,
      urls: {},
      pathLength: spec.pathLength,
      nameConstraints: spec.nameConstraints,
      subjectPublicKeyInfoDer,
      authorityKeyId: undefined,
      issuer: { subjectDer, subjectPublicKeyInfoDer, notBefore: spec.notBefore, notAfter: spec.notAfter },
    },
    signer,
  )
}

/**
 * Makes an intermediate CA under `issuer`, linted before it is signed. The limits of the issuer and of the CAs above it
 * are enforced: 'path-length-exceeded', 'invalid-subject', 'invalid-name-constraints', 'name-not-permitted' (the subject),
 * 'validity-outside-issuer'. A path length that isn't given becomes the longest that the issuer allows.
 */
export async function createSubordinateCa(
  spec: CaCertificateSpec,
  options: { subjectPublicKeyInfoDer: Uint8Array; issuer: IssuingCa },
): Promise<Uint8Array> {
  const { certificate, signer } = options.issuer
  assertWithinIssuer(spec, certificate)
  assertPermitted(spec, certificate)
  return issue(
    {
      ...spec,
      urls: spec.urls ?? {},
      pathLength: subordinatePathLength(spec.pathLength, remainingPathLength(certificate)),
      nameConstraints: spec.nameConstraints,
      subjectPublicKeyInfoDer: options.subjectPublicKeyInfoDer,
      authorityKeyId: certificate.subjectKeyId,
      issuer: certificate,
    },
    signer,
  )
}

function assertPermitted(spec: CaCertificateSpec, issuer: IssuerCertificate): void {
  const levels = [issuer.nameConstraints, ...issuer.inherited.nameConstraints]
  const subjectDer = subjectOfCa(spec.subject)
  // A CA of the same name looks self-issued, and path lengths don't count those (RFC 5280 section 6.1).
  if (sameOctets(subjectDer, issuer.subjectDer)) {
    throw new CaError('invalid-subject', 'a subordinate CA must not have the name of its issuer')
  }
  if (spec.nameConstraints) assertConstraintsWithin(spec.nameConstraints, levels)
  const forbidden = findForbiddenName({ dnsNames: [], ipAddresses: [], subjectDer }, levels)
  if (forbidden !== undefined) {
    throw new CaError('name-not-permitted', `${forbidden} is not permitted by the name constraints of the issuing CA`)
  }
}

function subordinatePathLength(wanted: number | undefined, remaining: number | undefined): number | undefined {
  if (remaining === undefined) return wanted
  if (remaining === 0)
    throw new CaError('path-length-exceeded', 'the path length of the issuing CA allows no CA below it')
  if (wanted !== undefined && wanted >= remaining) {
    throw new CaError('path-length-exceeded', `the path length can be ${remaining - 1} at most below this issuing CA`)
  }
  return wanted ?? remaining - 1
}

async function issue(planned: Omit<CaExpectation, 'signatureAlgorithm'>, signer: Signer): Promise<Uint8Array> {
  const expectation = { ...planned, signatureAlgorithm: signer.signatureAlgorithm }
  assertSoundKey(expectation.subjectPublicKeyInfoDer)
  const tbsDer = writeTbsCertificate(
    { ...expectation, issuerDer: expectation.issuer.subjectDer, subjectDer: writeName(expectation.subject) },
    caExtensions(expectation),
  )
  const findings = lintCaTbsCertificate(tbsDer, expectation)
  if (findings.length > 0) {
    throw new CaError('lint-failed', findings.map(({ rule, detail }) => `${rule}: ${detail}`).join('; '))
  }
  return signTbsCertificate(tbsDer, signer)
}

function caExtensions(planned: CaExpectation): Uint8Array[] {
  const { ocsp = [], caIssuers = [], crlDistributionPoints = [] } = planned.urls
  const extensions = [
    subjectKeyIdentifierExtension(planned.subjectPublicKeyInfoDer),
    keyUsageExtension(['keyCertSign', 'cRLSign']),
    caBasicConstraints(planned.pathLength),
  ]
  if (planned.authorityKeyId) extensions.push(authorityKeyIdentifierExtension(planned.authorityKeyId))
  if (planned.nameConstraints) extensions.push(nameConstraintsExtension(planned.nameConstraints))
  if (ocsp.length + caIssuers.length > 0) extensions.push(authorityInfoAccessExtension({ ocsp, caIssuers }))
  if (crlDistributionPoints.length > 0) extensions.push(crlDistributionPointsExtension(crlDistributionPoints))
  return extensions
}

/** DER of a CA's subject; 'invalid-subject' where an attribute breaks the bounds of RFC 5280 appendix A.1. */
export function subjectOfCa(subject: CaSubject): Uint8Array {
  const texts = [subject.commonName, ...(subject.organization ?? []), ...(subject.organizationalUnit ?? [])]
  const bad = texts.find((text) => !/^\P{Cc}{1,64}$/u.test(text))
  if (bad !== undefined) {
    throw new CaError('invalid-subject', `"${bad}" must have 1 to 64 characters, none of them a control character`)
  }
  const country = subject.country?.find((code) => !/^[A-Z]{2}$/.test(code))
  if (country !== undefined)
    throw new CaError('invalid-subject', `"${country}" is not a country code of two capital letters`)
  return writeName(subject)
}
