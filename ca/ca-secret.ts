import { X509Certificate, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CaError } from './errors.ts'
import { loadIssuingCa, parseIssuerCertificate } from './issuer.ts'
import type { IssuingCa } from './issuer.ts'
import { parsePrivateKeyPem } from './keys.ts'
import { decodePem } from './pem.ts'
import { signatureAlgorithmFor } from './signature-algorithms.ts'

/** More than any real chain; a bound on the work that a Secret can cause. */
const maximumCertificates = 20

/**
 * Loads a CA that an administrator brings along: its certificate and key, the chain in the same PEM in any order, and
 * optionally the trust anchors it must end at (else a self-signed root in the PEM). Throws, by what is wrong:
 * 'secret-invalid', 'unsupported-key-type', 'pem-unparseable', 'certificate-unparseable', 'key-mismatch', 'not-a-ca',
 * 'weak-key', 'malformed-key', 'invalid-name-constraints', 'ca-expired', 'ca-not-yet-valid', 'chain-incomplete',
 * 'chain-untrusted', 'path-length-exceeded'. Certificates that aren't part of the chain are passed over.
 */
export function loadCaSecret(
  input: { certificatePem: string; keyPem: string; trustPem?: string | undefined },
  now: Date,
): IssuingCa {
  const privateKey = parsePrivateKeyPem(input.keyPem)
  signatureAlgorithmFor(privateKey)
  const given = parseCertificates(input.certificatePem, 'the certificate PEM')
  const anchors = input.trustPem === undefined ? undefined : parseCertificates(input.trustPem, 'the trust PEM')
  const own = findByKey(given, createPublicKey(privateKey))
  parseIssuerCertificate(own.raw)
  const path = buildPath(own, { given, anchors, now })
  const root = path.at(-1) ?? own
  return loadIssuingCa(
    {
      certificateDer: own.raw,
      chainPem: path
        .filter((certificate) => !isSelfSigned(certificate))
        .map(String)
        .join(''),
      rootPem: root.toString(),
    },
    privateKey,
  )
}

function parseCertificates(pem: string, what: string): X509Certificate[] {
  const ders = decodePem(pem, 'CERTIFICATE')
  if (ders.length === 0) throw new CaError('pem-unparseable', `${what} has no certificate`)
  if (ders.length > maximumCertificates) {
    throw new CaError('pem-unparseable', `${what} has more than ${maximumCertificates} certificates`)
  }
  return ders.map((der, index) => {
    try {
      const certificate = new X509Certificate(der)
      // Not read before it is asked for: a key of an unknown algorithm shows itself only then.
      return certificate.publicKey && certificate
    } catch (cause) {
      throw new CaError('certificate-unparseable', `certificate ${index + 1} of ${what} can not be read`, { cause })
    }
  })
}

function findByKey(certificates: readonly X509Certificate[], publicKey: KeyObject): X509Certificate {
  const own = certificates.find((certificate) => certificate.publicKey.equals(publicKey))
  if (!own) throw new CaError('key-mismatch', 'the private key does not belong to any certificate of the PEM')
  return own
}

interface PathOptions {
  readonly given: readonly X509Certificate[]
  readonly anchors: readonly X509Certificate[] | undefined
  readonly now: Date
}

/** From the CA to its trust anchor, each certificate signed by the next. */
function buildPath(own: X509Certificate, options: PathOptions): X509Certificate[] {
  const path: X509Certificate[] = []
  for (let next: X509Certificate | undefined = own; next; next = nextInPath(next, path, options)) {
    assertValidAt(next, options.now)
    path.push(next)
  }
  return path
}

/** Who signed the last certificate of the path; undefined where that is a trust anchor already. */
function nextInPath(
  last: X509Certificate,
  path: readonly X509Certificate[],
  { given, anchors, now }: PathOptions,
): X509Certificate | undefined {
  if (isAnchor(last, anchors)) return undefined
  if (isSelfSigned(last)) {
    throw new CaError(
      'chain-untrusted',
      `the chain ends at ${oneLine(last.subject)}, which is not a given trust anchor`,
    )
  }
  const named = [...(anchors ?? []), ...given].filter(({ subject }) => subject === last.issuer)
  const signers = named.filter(
    (candidate) => last.checkIssued(candidate) && last.verify(candidate.publicKey) && !path.includes(candidate),
  )
  const [signer] = signers.toSorted((left, right) => Number(isValidAt(right, now)) - Number(isValidAt(left, now)))
  if (signer) return signer
  throw named.length > 0
    ? new CaError('chain-untrusted', `${oneLine(last.subject)} was not signed by ${oneLine(last.issuer)} as given`)
    : new CaError('chain-incomplete', `the certificate of ${oneLine(last.issuer)} is missing from the chain`)
}

function isAnchor(certificate: X509Certificate, anchors: readonly X509Certificate[] | undefined): boolean {
  return anchors
    ? anchors.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)
    : isSelfSigned(certificate)
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey)
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate
}

function assertValidAt(certificate: X509Certificate, now: Date): void {
  const { subject, validFromDate, validToDate } = certificate
  if (now > validToDate) {
    throw new CaError('ca-expired', `${oneLine(subject)} expired on ${validToDate.toISOString()}`)
  }
  if (now < validFromDate) {
    throw new CaError('ca-not-yet-valid', `${oneLine(subject)} is not valid before ${validFromDate.toISOString()}`)
  }
}

function oneLine(name: string | undefined): string {
  return (name ?? 'a certificate without a name').replaceAll('\n', ', ')
}
