import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { ValidationFailure } from './challenge.ts'

export interface HandshakeOptions {
  /** Absent for an address: SNI holds names only (RFC 6066 section 3). */
  readonly serverName: string | undefined
  readonly protocol: 'http/1.1' | 'acme-tls/1'
  /** The peer in a problem's words. */
  readonly peer: string
  readonly signal: AbortSignal
}

/**
 * TLS 1.2 or newer over a connected socket. The peer's certificate is not verified: it is either read by the challenge
 * itself or, behind a redirect, irrelevant, since http-01 begins in the clear and proves nothing by TLS.
 * Rejects with a ValidationFailure, or with the signal's reason once that is aborted.
 */
export async function handshake(socket: Socket, options: HandshakeOptions): Promise<TLSSocket> {
  const { serverName, protocol, peer, signal } = options
  signal.throwIfAborted()
  const tlsSocket = connect({
    socket,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ALPNProtocols: [protocol],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false,
  })
  tlsSocket.on('error', () => {})
  try {
    await once(tlsSocket, 'secureConnect', { signal })
    return tlsSocket
  } catch (error) {
    tlsSocket.destroy()
    socket.destroy()
    signal.throwIfAborted()
    throw new ValidationFailure('tls', `${peer} failed the TLS handshake: ${wordsFor(error)}.`, { cause: error })
  }
}

/** From OpenSSL's fixed words for a failure; nothing that the peer wrote is repeated. */
function wordsFor(error: unknown): string {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown reason'
  return WORDS[code] ?? code
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNRESET: 'it closed the connection',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'it does not take the application protocol offered (ALPN)',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it does not speak TLS 1.2 or newer',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak TLS 1.2 or newer',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'it does not know the name (SNI)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
}
