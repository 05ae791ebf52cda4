import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type CertificateExtension, readExtensions, readGeneralNames } from './certificate-extensions.ts'
import { ValidationFailure, type ValidationRequest } from './challenge.ts'
import type { Dialer } from './dialer.ts'
import { handshake } from './tls-handshake.ts'

export interface TlsAlpn01Tools {
  readonly dialer: Dialer
  readonly port: number
  readonly signal: AbortSignal
}

const PROTOCOL = 'acme-tls/1'
/** 2.5.29.17 and 1.3.6.1.5.5.7.1.31. */
const SUBJECT_ALT_NAME = '551d11'
const ACME_IDENTIFIER = '2b0601050507011f'
/** The identifier octet of dNSName. */
const DNS_NAME = 0x82

/**
 * RFC 8737 section 3: a handshake for exactly `acme-tls/1`, answered with a self-signed certificate that names the
 * identifier alone and holds the digest of the key authorization in a critical acmeIdentifier extension.
 * Rejects with a ValidationFailure, or with the signal's reason.
 */
export async function checkTlsAlpn01(tools: TlsAlpn01Tools, request: ValidationRequest): Promise<void> {
  const { dialer, port, signal } = tools
  const name = request.identifier.value
  const tcpSocket = await dialer.dial({ host: name, port, disclosure: 'identifier' })
  const tlsSocket = await handshake(tcpSocket, { serverName: name, protocol: PROTOCOL, peer: name, signal })
  try {
    requireChallengeCertificate(tlsSocket, request)
  } finally {
    tlsSocket.destroy()
    tcpSocket.destroy()
  }
}

function requireChallengeCertificate(socket: TLSSocket, { identifier, keyAuthorization }: ValidationRequest): void {
  const name = identifier.value
  // > The ACME server verifies that during the TLS handshake the application-layer protocol "acme-tls/1" was
  // > successfully negotiated
  if (socket.alpnProtocol !== PROTOCOL) throw wrong(`${name} did not negotiate ${PROTOCOL} (ALPN).`)
  const x509 = socket.getPeerX509Certificate()
  if (x509 === undefined) throw wrong(`${name} sent no certificate.`)
  const fault = faultOf(x509, name, keyAuthorization)
  if (fault !== undefined) throw wrong(`${name} sent a certificate that ${fault.words}.`, fault.cause)
}

interface Fault {
  readonly words: string
  readonly cause?: unknown
}

function faultOf(x509: X509Certificate, name: string, keyAuthorization: string): Fault | undefined {
  try {
    // Not checkIssued: it wants keyCertSign of an issuer, which lego's certificate for this purpose has not.
    if (x509.subject !== x509.issuer || !x509.verify(x509.publicKey)) return { words: 'is not self-signed' }
    const extensions = readExtensions(x509.raw)
    return nameFault(extensions, name) ?? digestFault(extensions, keyAuthorization)
  } catch (cause) {
    return { words: 'cannot be read as DER of RFC 5280', cause }
  }
}

/** > a subjectAltName extension containing the dNSName being validated and no other entries */
function nameFault(extensions: readonly CertificateExtension[], name: string): Fault | undefined {
  const subjectAltName = extensions.find(({ type }) => type === SUBJECT_ALT_NAME)
  if (subjectAltName === undefined) return { words: 'has no subjectAltName' }
  const names = readGeneralNames(subjectAltName.value)
  if (names.length !== 1) return { words: `has ${names.length} names in its subjectAltName, not one` }
  const isTheName = names.every(({ tag, contents }) => tag === DNS_NAME && textOf(contents) === name.toLowerCase())
  if (!isTheName) return { words: 'names something else' }
  return undefined
}

/** > a critical acmeIdentifier extension containing the SHA-256 digest of the key authorization */
function digestFault(extensions: readonly CertificateExtension[], keyAuthorization: string): Fault | undefined {
  const acmeIdentifier = extensions.find(({ type }) => type === ACME_IDENTIFIER)
  if (acmeIdentifier === undefined) return { words: 'has no acmeIdentifier extension' }
  if (!acmeIdentifier.critical) return { words: 'has an acmeIdentifier extension that is not critical' }
  const digest = createHash('sha256').update(keyAuthorization).digest()
  const expectedDer = Buffer.concat([OCTET_STRING_OF_32, digest])
  const { value } = acmeIdentifier
  if (value.length !== expectedDer.length) return { words: 'has an acmeIdentifier that is no SHA-256 digest' }
  if (!timingSafeEqual(value, expectedDer)) return { words: 'has the digest of another key authorization' }
  return undefined
}

function textOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('latin1').toLowerCase()
}

const OCTET_STRING_OF_32 = Buffer.of(0x04, 32)

function wrong(detail: string, cause?: unknown): ValidationFailure {
  return new ValidationFailure('incorrectResponse', detail, { cause })
}
