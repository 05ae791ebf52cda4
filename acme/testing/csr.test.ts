import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { CertificationRequest } from 'pkijs'
import { parseCertificateRequest } from '../../ca/index.ts'
import { buildCsr, csrFor, extension, type CsrName } from './csr.ts'

const keys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
}

for (const [what, privateKey] of Object.entries(keys)) {
  test(`a CSR with a key of type ${what} is read as it was meant`, () => {
    const request = parseCertificateRequest(
      csrFor(['a.example', '*.b.example'], { privateKey, commonName: 'a.example' }).der,
    )
    assert.deepEqual(request.commonNames, ['a.example'])
    assert.deepEqual(
      request.names.map((name) => name.value),
      ['a.example', '*.b.example'],
    )
  })
}

test('a second implementation verifies the signature', async () => {
  assert.ok(await CertificationRequest.fromBER(csrFor(['a.example']).der).verify())
  const tampered = csrFor(['a.example'], { privateKey: keys.RSA, tamper: (signature) => signature.reverse() })
  assert.equal(await CertificationRequest.fromBER(tampered.der).verify(), false)
})

test('odd names are read with their types', () => {
  const names: CsrName[] = [
    { type: 'ip', value: '10.0.0.1' },
    { type: 'email', value: 'a@b.example' },
    { type: 'uri', value: 'spiffe://a.example/x' },
    { type: 'registered-id', value: '2a0304' },
  ]
  const request = parseCertificateRequest(buildCsr({ privateKey: keys['P-256'], names }))
  assert.deepEqual(
    request.names.map((name) => [name.type, name.value]),
    [
      ['ip', '10.0.0.1'],
      ['email', 'a@b.example'],
      ['uri', 'spiffe://a.example/x'],
      ['registered-id', '1.2.3.4'],
    ],
  )
})

test('further extensions and subject attributes are in the request', () => {
  const mustStaple = extension('1.3.6.1.5.5.7.1.24', Buffer.from('3003020105', 'hex'))
  const options = { extensions: [mustStaple], subject: [{ oid: '2.5.4.10', value: 'Example' }] }
  const request = parseCertificateRequest(csrFor(['a.example'], options).der)
  assert.deepEqual(request.requestedExtensions, ['2.5.29.17', '1.3.6.1.5.5.7.1.24'])
  assert.equal(request.subjectAttributes, 1)
})
