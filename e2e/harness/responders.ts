import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { basename, join } from 'node:path'
import { createSecureContext, createServer as createTlsServer, type SecureContext } from 'node:tls'

const challengePath = '/.well-known/acme-challenge/'

/** A listener that is closed at the end of the block that opened it. */
export interface Responder extends AsyncDisposable {
  readonly address: AddressInfo
}

/** A web server on port 80 of `address` that answers http-01 challenges from the files of a folder, token by token. */
export function serveChallengeFiles(address: string, folder: string): Promise<Responder> {
  const server = createHttpServer((request, response) => {
    const url = request.url ?? ''
    if (!url.startsWith(challengePath)) {
      response.writeHead(404).end()
      return
    }
    readFile(join(folder, basename(url))).then(
      (content) => response.end(content),
      () => response.writeHead(404).end(),
    )
  })
  return listen(server, 80, address)
}

/** PEM files of the certificate that proves `name` by tls-alpn-01. */
export type AlpnCertificate = (name: string) => { readonly certificateFile: string; readonly keyFile: string }

/** A TLS server on port 443 of `address` that speaks acme-tls/1 (RFC 8737) with certificates a client has laid down. */
export function serveAlpnCertificates(address: string, find: AlpnCertificate): Promise<Responder> {
  const server = createTlsServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback(name, done) {
      try {
        done(null, secureContext(find(name)))
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
      }
    },
  })
  server.on('tlsClientError', () => undefined)
  server.on('secureConnection', (socket) => socket.on('error', () => socket.destroy()).resume())
  return listen(server, 443, address)
}

function secureContext(files: ReturnType<AlpnCertificate>): SecureContext {
  return createSecureContext({ cert: readFileSync(files.certificateFile), key: readFileSync(files.keyFile) })
}

async function listen(server: Server, port: number, address: string): Promise<Responder> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error(`not bound to ${address}:${port}`)
  return {
    address: bound,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve)
        if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
          server.closeAllConnections()
      })
    },
  }
}
