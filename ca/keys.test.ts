import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { test } from 'node:test'
import { assertKeyAllowed, generatePrivateKey, parsePrivateKeyPem } from './keys.ts'
import type { KeyPolicy, KeySpec } from './keys.ts'
import { generateSerialNumber } from './serial-number.ts'
import { createLocalSigner } from './signer.ts'
import { aKey, assertRefused, p256 } from './testing/builders.ts'

const p384: KeySpec = { algorithm: 'ECDSA', curve: 'P-384' }
const rsa: KeySpec = { algorithm: 'RSA', bits: 2048 }
const ed25519: KeySpec = { algorithm: 'Ed25519' }

for (const [spec, algorithm, digest] of [
  [p256, 'ecdsa-with-SHA256', 'sha256'],
  [p384, 'ecdsa-with-SHA384', 'sha384'],
  [{ algorithm: 'ECDSA', curve: 'P-521' }, 'ecdsa-with-SHA512', 'sha512'],
  [rsa, 'sha256WithRSAEncryption', 'sha256'],
  [ed25519, 'Ed25519', null],
] satisfies [KeySpec, string, string | null][]) {
  test(`a signer with a key of ${JSON.stringify(spec)} signs with ${algorithm}`, async () => {
    const signer = createLocalSigner(await aKey(spec))
    assert.equal(signer.signatureAlgorithm, algorithm)
    const signatures = await Promise.all([signer.sign(Buffer.from('one')), signer.sign(Buffer.from('two'))])
    assert.ok(verify(digest, Buffer.from('one'), signer.publicKey, signatures[0]))
    assert.ok(verify(digest, Buffer.from('two'), signer.publicKey, signatures[1]))
  })
}

test('a key is made with the bits that were asked for', async () => {
  const key = await generatePrivateKey({ algorithm: 'RSA', bits: 3072 })
  assert.equal(key.asymmetricKeyDetails?.modulusLength, 3072)
})

for (const [says, key] of [
  ['DSA', generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey],
  ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey],
  ['X25519', generateKeyPairSync('x25519').privateKey],
  ['RSA-PSS', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey],
] as const) {
  test(`a CA can't sign with a ${says} key`, async () => {
    await assertRefused('unsupported-key-type', () => createLocalSigner(key))
  })
}

const policies: [says: string, spec: KeySpec, policy: KeyPolicy, allowed: boolean][] = [
  ['any curve', p256, [{ algorithm: 'ECDSA' }], true],
  ['a listed curve', p384, [{ algorithm: 'ECDSA', curves: ['P-256', 'P-384'] }], true],
  ['another curve', p384, [{ algorithm: 'ECDSA', curves: ['P-256'] }], false],
  ['no rule', p256, [], false],
  ['enough bits', rsa, [{ algorithm: 'RSA', minBits: 2048 }], true],
  ['too few bits', rsa, [{ algorithm: 'RSA', minBits: 3072 }], false],
  ['too many bits', rsa, [{ algorithm: 'RSA', maxBits: 2047 }], false],
  ['another algorithm', rsa, [{ algorithm: 'ECDSA' }, { algorithm: 'Ed25519' }], false],
  ['the second rule', ed25519, [{ algorithm: 'RSA' }, { algorithm: 'Ed25519' }], true],
  ['a rule for RSA', ed25519, [{ algorithm: 'RSA' }], false],
]

for (const [says, spec, policy, allowed] of policies) {
  test(`a policy with ${says} ${allowed ? 'allows' : 'does not allow'} ${JSON.stringify(spec)}`, async () => {
    const publicKey = createPublicKey(await aKey(spec))
    if (allowed) assertKeyAllowed(publicKey, policy)
    else await assertRefused('key-not-allowed', () => assertKeyAllowed(publicKey, policy))
  })
}

test('the refusal of a key says what it is and what is allowed', async () => {
  const policy: KeyPolicy = [
    { algorithm: 'ECDSA', curves: ['P-256', 'P-384'] },
    { algorithm: 'RSA', minBits: 3072 },
  ]
  const publicKey = createPublicKey(await aKey(rsa))
  const message = await assertRefused('key-not-allowed', () => assertKeyAllowed(publicKey, policy))
  assert.equal(message, 'the key is RSA with 2048 bits; allowed are: ECDSA (P-256, P-384), RSA (from 3072 bits)')
})

test('a private key is read from PKCS#8, PKCS#1 and SEC 1', async () => {
  const [ec, rsaKey] = [await aKey(p256), await aKey(rsa)]
  for (const [key, type] of [
    [ec, 'pkcs8'],
    [ec, 'sec1'],
    [rsaKey, 'pkcs8'],
    [rsaKey, 'pkcs1'],
  ] as const) {
    const pem = key.export({ type, format: 'pem' }).toString()
    assert.ok(parsePrivateKeyPem(pem).equals(key))
  }
})

test('an encrypted private key is refused with the way out', async () => {
  const pem = (await aKey(p256))
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  assert.match(await assertRefused('secret-invalid', () => parsePrivateKeyPem(pem)), /encrypted.*openssl pkey/)
})

for (const [says, pem] of [
  ['nothing', ''],
  ['a public key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'],
  ['noise', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
] as const) {
  test(`a private key is not read from ${says}`, async () => {
    await assertRefused('secret-invalid', () => parsePrivateKeyPem(pem))
  })
}

test('a thousand serial numbers are distinct, of 20 octets, and positive without padding', () => {
  const serials = Array.from({ length: 1000 }, generateSerialNumber)
  assert.ok(serials.every((serial) => serial.length === 20 && serial[0]! >= 0x01 && serial[0]! <= 0x7f))
  assert.equal(new Set(serials.map((serial) => Buffer.from(serial).toString('hex'))).size, 1000)
})
