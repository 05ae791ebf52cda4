import { generateKeyPairSync, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AcmeServer } from './acme-server.ts'
import { callHttp } from './http-client.ts'
import type { ServerCheck } from './report.ts'

/**
 * Fetches a nonce, restarts the server, and registers an account with that nonce. Clients that keep nonces do this during
 * every rolling update, and those that never retry badNonce would fail.
 */
export async function useNonceAcrossRestart(server: AcmeServer, restart: () => Promise<void>): Promise<ServerCheck> {
  const ca = await readFile(server.tlsCaFile, 'utf8')
  const directory = await callHttp(server.directories.challenge ?? '', { ca })
  const { newNonce, newAccount } = JSON.parse(directory.body) as { newNonce: string; newAccount: string }
  const nonce = (await callHttp(newNonce, { ca, method: 'HEAD' })).headers['replay-nonce']
  await restart()
  const body = newAccountRequest(newAccount, String(nonce))
  const headers = { 'content-type': 'application/jose+json' }
  const answer = await callHttp(newAccount, {
    ca: await readFile(server.tlsCaFile, 'utf8'),
    method: 'POST',
    headers,
    body,
  })
  return {
    what: 'a nonce from before the restart is good after it',
    passed: answer.status === 201,
    ...(answer.status === 201 ? {} : { detail: `${answer.status} ${answer.body}` }),
  }
}

function newAccountRequest(url: string, nonce: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const protectedHeader = base64url({ alg: 'ES256', jwk: { kty, crv, x, y }, nonce, url })
  const payload = base64url({ termsOfServiceAgreed: true })
  const input = Buffer.from(`${protectedHeader}.${payload}`)
  const signature = sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  return JSON.stringify({ protected: protectedHeader, payload, signature })
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
