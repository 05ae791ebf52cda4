import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

import { createCertificateRequest } from './csr.ts'

test('openssl accepts the signature of a request and reads its names, also where lengths need three octets', () => {
  for (const count of [1, 2, 60]) {
    const names = Array.from({ length: count }, (_, i) => `host-${i}.bench.test`)
    const { der, publicKey } = createCertificateRequest(names)
    const text = execFileSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-text', '-pubkey'], {
      input: der,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    assert.deepEqual(
      text.match(/DNS:[^\s,]+/g),
      names.map((name) => `DNS:${name}`),
    )
    assert.ok(text.includes(String(publicKey.export({ format: 'pem', type: 'spki' })).trim()))
  }
})
