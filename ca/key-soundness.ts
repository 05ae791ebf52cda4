import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { oids } from './der/oids.ts'
import { DerError, readDer } from './der/reader.ts'
import type { DerReader } from './der/reader.ts'
import { tag } from './der/tags.ts'
import { CaError } from './errors.ts'
import { rsaWeakness } from './rsa-weakness.ts'

/**
 * Throws 'malformed-key' or 'weak-key' for a public key that nobody should certify: RSA outside 2048 to 4096 bits,
 * with an even modulus, a bad exponent or factors that can be found; a point that is not an uncompressed one on P-256,
 * P-384 or P-521; an Ed25519 key of low order; any other algorithm.
 */
export function assertSoundKey(subjectPublicKeyInfoDer: Uint8Array): void {
  importSoundKey(subjectPublicKeyInfoDer)
}

/** As `assertSoundKey`, and returns the key. */
export function importSoundKey(subjectPublicKeyInfoDer: Uint8Array): KeyObject {
  try {
    readDer(subjectPublicKeyInfoDer, 'the public key', assertSoundStructure)
    // OpenSSL's import checks that a point lies on its curve; the cofactor of these curves is 1.
    return createPublicKey({ key: Buffer.from(subjectPublicKeyInfoDer), format: 'der', type: 'spki' })
  } catch (cause) {
    if (cause instanceof CaError) throw cause
    const reason = cause instanceof DerError ? cause.message : 'its numbers do not make a key of its algorithm'
    throw new CaError('malformed-key', `the public key is malformed: ${reason}`, { cause })
  }
}

function assertSoundStructure(reader: DerReader): void {
  const info = reader.sequence('the public key')
  const algorithm = info.sequence('the algorithm of the public key')
  const name = algorithm.oid('the algorithm of the public key')
  switch (name) {
    case oids.rsaEncryption:
      algorithm.expect(tag.null, 'the parameters of an RSA key')
      readDer(info.octetAlignedBits('the RSA key'), 'the RSA key', assertSoundRsa)
      break
    case oids.ecPublicKey:
      assertPointForm(algorithm.expect(tag.oid, 'the named curve').der, info.octetAlignedBits('the point'))
      break
    case oids.ed25519:
      assertSoundEd25519(info.octetAlignedBits('the Ed25519 key'))
      break
    default:
      throw new CaError('malformed-key', `keys of algorithm ${name} are not supported; use RSA, ECDSA or Ed25519`)
  }
  algorithm.end('the algorithm of the public key')
  info.end('the public key')
}

const minimumRsaBits = 2048
const maximumRsaBits = 4096

function assertSoundRsa(reader: DerReader): void {
  const key = reader.sequence('the RSA key')
  const modulusOctets = key.integer('the RSA modulus')
  const exponentOctets = key.integer('the RSA exponent')
  key.end('the RSA key')
  const bits = bitLength(modulusOctets)
  if (bits < minimumRsaBits || bits > maximumRsaBits) {
    throw new CaError('weak-key', `an RSA key must have ${minimumRsaBits} to ${maximumRsaBits} bits, not ${bits}`)
  }
  assertSoundExponent(exponentOctets)
  const weakness = rsaWeakness(toBigInt(modulusOctets))
  if (weakness) throw new CaError('weak-key', `the RSA key is unsafe: ${weakness}`)
}

function assertSoundExponent(octets: Uint8Array): void {
  const bits = bitLength(octets)
  if (bits <= 0 || bits > 64) {
    throw new CaError('weak-key', 'the RSA exponent must be positive and below 2^64')
  }
  const exponent = toBigInt(octets)
  if (exponent < 3n || exponent % 2n === 0n) {
    throw new CaError('weak-key', 'the RSA exponent must be odd and at least 3')
  }
}

/** Bits of a positive INTEGER; at most 0 for any other, which is then too short for anything. */
function bitLength(octets: Uint8Array): number {
  if ((octets[0] ?? 0) >= 0x80) return 0
  const start = octets[0] === 0 ? 1 : 0
  return (octets.length - start) * 8 - Math.clz32(octets[start] ?? 0) + 24
}

function toBigInt(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`)
}

/** DER of the named curves, in hex, with the octets of one coordinate. */
const coordinateOctets: ReadonlyMap<string, number> = new Map([
  ['06082a8648ce3d030107', 32],
  ['06052b81040022', 48],
  ['06052b81040023', 66],
])

function assertPointForm(curveDer: Uint8Array, point: Uint8Array): void {
  const octets = coordinateOctets.get(Buffer.from(curveDer).toString('hex'))
  if (octets === undefined) throw new CaError('malformed-key', 'an ECDSA key must be on P-256, P-384 or P-521')
  // RFC 5480 section 2.2 lets a CA insist on the uncompressed form, which every verifier reads.
  if (point[0] !== 4 || point.length !== 1 + 2 * octets) {
    throw new CaError('malformed-key', 'an ECDSA key must be a point in uncompressed form')
  }
}

/**
 * The y-coordinates of the points whose order divides 8, little-endian, sign bit cleared: 0, 1, p - 1 and the two of
 * order 8. Anyone can sign for such a key. Coordinates from p upwards are second spellings, so they are refused as well.
 */
const lowOrderCoordinates: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

function assertSoundEd25519(key: Uint8Array): void {
  if (key.length !== 32) throw new CaError('malformed-key', 'an Ed25519 key must have 32 octets')
  const coordinate = Buffer.from(key)
  coordinate[31] = (coordinate[31] ?? 0) & 0x7f
  const atLeastP =
    coordinate[31] === 0x7f &&
    coordinate.subarray(1, 31).every((octet) => octet === 0xff) &&
    (coordinate[0] ?? 0) >= 0xed
  if (atLeastP || lowOrderCoordinates.has(coordinate.toString('hex'))) {
    throw new CaError('weak-key', 'the Ed25519 key is a point of low order or not in its canonical form')
  }
}
