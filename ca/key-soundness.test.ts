import assert from 'node:assert/strict'
import { checkPrimeSync, createPublicKey, generateKeyPairSync, generatePrimeSync } from 'node:crypto'
import { test } from 'node:test'
import { oids } from './der/oids.ts'
import { bitString, oid, sequence, unsignedInteger } from './der/writer.ts'
import type { CaErrorCode } from './errors.ts'
import { assertSoundKey } from './key-soundness.ts'
import type { KeySpec } from './keys.ts'
import { aKey, assertRefused, spkiOf } from './testing/builders.ts'

const rsa2048: KeySpec = { algorithm: 'RSA', bits: 2048 }
const sound: [string, KeySpec][] = [
  ['P-256', { algorithm: 'ECDSA', curve: 'P-256' }],
  ['P-384', { algorithm: 'ECDSA', curve: 'P-384' }],
  ['P-521', { algorithm: 'ECDSA', curve: 'P-521' }],
  ['RSA with 2048 bits', rsa2048],
  ['RSA with 3072 bits', { algorithm: 'RSA', bits: 3072 }],
  ['Ed25519', { algorithm: 'Ed25519' }],
]

const modulus = await modulusOf(rsa2048)
const p256Point = spkiOf(await aKey({ algorithm: 'ECDSA', curve: 'P-256' })).subarray(-65)

for (const [says, spec] of sound) {
  test(`a fresh ${says} key is sound`, async () => {
    assertSoundKey(spkiOf(await aKey(spec)))
  })
}

function octetsOf(value: bigint): Uint8Array {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function rsaSpki(modulus: bigint, exponent = 65537n): Uint8Array {
  const key = sequence(unsignedInteger(octetsOf(modulus)), unsignedInteger(octetsOf(exponent)))
  return sequence(sequence(oid(oids.rsaEncryption), Uint8Array.of(5, 0)), bitString(key))
}

const prime = generatePrimeSync(1024, { bigint: true })

async function modulusOf(spec: KeySpec): Promise<bigint> {
  const { n = '' } = createPublicKey(await aKey(spec)).export({ format: 'jwk' })
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)
}

function nextPrime(from: bigint): bigint {
  let candidate = from | 1n
  while (!checkPrimeSync(candidate)) candidate += 2n
  return candidate
}

/** A prime as Infineon's library made them: k * M + (65537^a mod M), M the product of the first 126 primes. */
function rocaPrime(): bigint {
  const primorial = firstPrimes(126).reduce((product, factor) => product * BigInt(factor), 1n)
  const power = modularPower(65537n, 0x123456789abcdefn, primorial)
  let k = 1n << 53n
  while (!checkPrimeSync(k * primorial + power)) k += 1n
  return k * primorial + power
}

function firstPrimes(count: number): number[] {
  const primes: number[] = []
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((factor) => candidate % factor !== 0)) primes.push(candidate)
  }
  return primes
}

function modularPower(base: bigint, exponent: bigint, modulo: bigint): bigint {
  let result = 1n
  for (let rest = exponent, square = base; rest > 0n; rest >>= 1n, square = (square * square) % modulo) {
    if (rest & 1n) result = (result * square) % modulo
  }
  return result
}

function pad(value: bigint, bits: number): bigint {
  return value | (1n << BigInt(bits - 1))
}

const roca = rocaPrime()

const weak: [says: string, code: CaErrorCode, spki: Uint8Array][] = [
  [
    'RSA with 1024 bits',
    'weak-key',
    generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'der' }),
  ],
  ['RSA with 2047 bits', 'weak-key', rsaSpki((modulus % (1n << 2046n)) | (1n << 2046n))],
  ['RSA with 4097 bits', 'weak-key', rsaSpki(pad(modulus, 4097))],
  ['RSA with an even modulus', 'weak-key', rsaSpki(modulus + 1n)],
  ['RSA with the exponent 1', 'weak-key', rsaSpki(modulus, 1n)],
  ['RSA with the exponent 2', 'weak-key', rsaSpki(modulus, 2n)],
  ['RSA with an even exponent', 'weak-key', rsaSpki(modulus, 65536n)],
  ['RSA with the exponent 2^64 + 1', 'weak-key', rsaSpki(modulus, (1n << 64n) + 1n)],
  ['RSA with the factor 751', 'weak-key', rsaSpki(modulus * 751n)],
  ['RSA with primes a step apart', 'weak-key', rsaSpki(prime * nextPrime(prime + 2n))],
  ['RSA with primes that agree in half of their bits', 'weak-key', rsaSpki(prime * nextPrime(prime + (1n << 500n)))],
  ['RSA with a square as modulus', 'weak-key', rsaSpki(prime * prime)],
  ['RSA with primes of the ROCA form', 'weak-key', rsaSpki(roca * pad(roca, 1024))],
  ['Ed25519 with a key of low order', 'weak-key', ed25519Spki(Uint8Array.of(1, ...new Uint8Array(31)))],
  [
    'Ed25519 with a coordinate above the prime',
    'weak-key',
    ed25519Spki(Uint8Array.of(0xf0, ...new Uint8Array(30).fill(0xff), 0x7f)),
  ],
  ['Ed25519 with 31 octets', 'malformed-key', ed25519Spki(new Uint8Array(31).fill(7))],
]

function ed25519Spki(key: Uint8Array): Uint8Array {
  return sequence(sequence(oid(oids.ed25519)), bitString(key))
}

function p256Spki(point: Uint8Array): Uint8Array {
  return sequence(sequence(oid(oids.ecPublicKey), oid(oids.prime256v1)), bitString(point))
}

function otherCurve(type: 'ec', namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named'): Uint8Array {
  return generateKeyPairSync(type, { namedCurve, paramEncoding }).publicKey.export({ type: 'spki', format: 'der' })
}

const offCurve = Uint8Array.from(p256Point)
offCurve[64] = (offCurve[64] ?? 0) ^ 1

const malformed: [says: string, spki: Uint8Array][] = [
  ['a point off its curve', p256Spki(offCurve)],
  ['a compressed point', p256Spki(Uint8Array.of(2, ...p256Point.subarray(1, 33)))],
  ['a hybrid point', p256Spki(Uint8Array.of(6, ...p256Point.subarray(1)))],
  ['the point at infinity', p256Spki(Uint8Array.of(0))],
  ['no point', p256Spki(new Uint8Array())],
  ['coordinates of zero', p256Spki(Uint8Array.of(4, ...new Uint8Array(64)))],
  ['the curve secp256k1', otherCurve('ec', 'secp256k1')],
  ['the curve P-224', otherCurve('ec', 'secp224r1')],
  ['a curve described by its parameters', otherCurve('ec', 'prime256v1', 'explicit')],
  ['X25519', generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' })],
  [
    'RSA without NULL',
    sequence(
      sequence(oid(oids.rsaEncryption)),
      bitString(sequence(unsignedInteger(octetsOf(modulus)), unsignedInteger(Uint8Array.of(3)))),
    ),
  ],
  ['octets after the key', Buffer.concat([p256Spki(p256Point), Uint8Array.of(0)])],
  ['nothing', new Uint8Array()],
]

for (const [says, code, spki] of [
  ...weak,
  ...malformed.map(([says, spki]) => [says, 'malformed-key', spki] as const),
]) {
  test(`a key of ${says} is refused as ${code}`, async () => {
    await assertRefused(code, () => assertSoundKey(spki))
  })
}

test('the reason for a weak key is told', async () => {
  assert.match(await assertRefused('weak-key', () => assertSoundKey(rsaSpki(roca * pad(roca, 1024)))), /ROCA/)
  assert.match(await assertRefused('weak-key', () => assertSoundKey(rsaSpki(prime * nextPrime(prime + 2n)))), /Fermat/)
})

test('a sound RSA modulus is judged within two milliseconds of CPU time', async () => {
  const spki = spkiOf(await aKey(rsa2048))
  for (let warmUp = 0; warmUp < 50; warmUp++) assertSoundKey(spki)
  const before = process.threadCpuUsage()
  for (let round = 0; round < 50; round++) assertSoundKey(spki)
  assert.ok(process.threadCpuUsage(before).user / 50 < 2000)
})
