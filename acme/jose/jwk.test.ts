import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { AcmeProblem } from '../problems.ts'
import { generateSigningKey, signingAlgorithms } from '../testing/signing-key.ts'
import { jwkThumbprint, parseJwk } from './jwk.ts'

for (const alg of signingAlgorithms) {
  test(`a public key for ${alg} is parsed, whatever else its JWK says about itself`, () => {
    const signingKey = generateSigningKey(alg)
    const key = parseJwk({ ...signingKey.jwk, kid: 'mine', use: 'sig', key_ops: ['verify'], alg })
    assert.deepEqual(key.jwk, signingKey.jwk)
    assert.equal(key.algorithm, alg)
    assert.equal(key.thumbprint, signingKey.thumbprint)
    assert.ok(key.publicKey.equals(createPublicKey(signingKey.privateKey)))
  })
}

test('the thumbprint is that of the example in RFC 7638 section 3.1', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM' +
    'stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5' +
    'hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  assert.equal(jwkThumbprint({ kty: 'RSA', n, e: 'AQAB' }), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

const ec = generateSigningKey('ES256').jwk
const ed25519 = generateSigningKey('EdDSA').jwk
const rsa = generateSigningKey('RS256').jwk
const rsaOf = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' })

function recoded(value: string | undefined, change: (bytes: Buffer) => Uint8Array): string {
  return Buffer.from(change(Buffer.from(value ?? '', 'base64url'))).toString('base64url')
}
const withLeadingZero = (value: string | undefined) => recoded(value, (bytes) => Buffer.concat([Buffer.of(0), bytes]))
const withLastBitFlipped = (bytes: Buffer) => {
  bytes[bytes.length - 1]! ^= 1
  return bytes
}

const refused: Record<string, unknown> = {
  'something that is no object': 'key',
  'an array': [ec],
  'an object without kty': { crv: 'P-256' },
  'a kty in lower case': { ...ec, kty: 'ec' },
  'a symmetric key': { kty: 'oct', k: 'c2VjcmV0' },
  'an EC private key': { ...ec, d: ec['x'] },
  'an RSA private key': { ...rsa, d: rsa['n'] },
  'an RSA key with a prime': { ...rsa, p: 'AQAB' },
  'a key for encryption': { ...ec, use: 'enc' },
  'a key whose operations lack verify': { ...ec, key_ops: ['sign'] },
  'a key whose operations are no list': { ...ec, key_ops: 'verify' },
  'a key that names another algorithm': { ...ec, alg: 'ES384' },
  'a P-256 key that says P-384': { ...ec, crv: 'P-384' },
  secp256k1: { ...ec, crv: 'secp256k1' },
  X25519: { ...ed25519, crv: 'X25519' },
  Ed448: { ...ed25519, crv: 'Ed448' },
  'an EC key without y': { ...ec, y: undefined },
  'a coordinate that is a number': { ...ec, x: 1 },
  'a coordinate with padding': { ...ec, x: `${ec['x']}=` },
  'a coordinate in non-canonical base64url': { ...ec, x: `${ec['x']?.slice(0, -1)}_` },
  'a coordinate with a leading zero octet too many': { ...ec, x: withLeadingZero(ec['x']) },
  'a coordinate without its last octet': { ...ec, y: recoded(ec['y'], (bytes) => bytes.subarray(0, -1)) },
  'a point that is not on its curve': { ...ec, y: recoded(ec['y'], withLastBitFlipped) },
  'the origin': { ...ec, x: Buffer.alloc(32).toString('base64url'), y: Buffer.alloc(32).toString('base64url') },
  'an Ed25519 key of 31 octets': { ...ed25519, x: recoded(ed25519['x'], (bytes) => bytes.subarray(1)) },
  'an Ed25519 key of low order': { ...ed25519, x: Buffer.alloc(32).toString('base64url') },
  'RSA of 1024 bits': rsaOf(1024),
  'RSA of 2047 bits': rsaOf(2047),
  'RSA of 8192 bits': { ...rsa, n: recoded(rsa['n'], (bytes) => Buffer.concat([bytes, bytes, bytes, bytes])) },
  'an RSA modulus with a leading zero octet': { ...rsa, n: withLeadingZero(rsa['n']) },
  'an RSA modulus that is even': { ...rsa, n: recoded(rsa['n'], withLastBitFlipped) },
  'an empty RSA modulus': { ...rsa, n: '' },
  'an RSA exponent of 1': { ...rsa, e: 'AQ' },
  'an RSA exponent of 2': { ...rsa, e: 'Ag' },
  'an RSA exponent with a leading zero octet': { ...rsa, e: 'AAEAAQ' },
  'an RSA exponent longer than 64 bits': { ...rsa, e: Buffer.alloc(9, 0xff).toString('base64url') },
}

for (const [what, jwk] of Object.entries(refused)) {
  test(`an account key is not ${what}`, () => {
    assert.throws(
      () => parseJwk(jwk),
      (error) => error instanceof AcmeProblem && error.type === 'badPublicKey' && error.status === 400,
    )
  })
}

test('who sends a private key is told that it is disclosed', () => {
  assert.throws(() => parseJwk({ ...ec, d: ec['x'] }), /private or symmetric key.*disclosed/)
})

test('any object is a key or a bad public key, nothing else', () => {
  const member = fc.oneof(fc.string(), fc.integer(), fc.constantFrom(ec['x'], rsa['n'], 'AQAB', '', null))
  const names = ['kty', 'crv', 'x', 'y', 'n', 'e', 'use', 'key_ops', 'alg']
  const jwks = fc.record(
    {
      ...Object.fromEntries(names.map((name) => [name, member])),
      kty: fc.constantFrom('EC', 'OKP', 'RSA', 'oct'),
      crv: fc.constantFrom('P-256', 'P-384', 'P-521', 'Ed25519', ''),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(jwks, fc.jsonValue()), (jwk) => {
      try {
        parseJwk(jwk)
      } catch (error) {
        assert.ok(error instanceof AcmeProblem)
        assert.equal(error.type, 'badPublicKey')
      }
    }),
  )
})
