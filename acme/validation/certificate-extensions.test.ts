import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { readExtensions, readGeneralNames } from './certificate-extensions.ts'
import { type CertificateOptions, der, extension, selfSignedCertificate } from './testing/certificate.ts'

function certificateDer(options: CertificateOptions): Buffer {
  return new X509Certificate(selfSignedCertificate(options).cert).raw
}

const keyUsage = extension('2.5.29.15', Buffer.of(3, 2, 7, 128), { critical: true })

test('extensions are read in order, with criticality and value', () => {
  const extensions = readExtensions(certificateDer({ subjectAltName: [[2, 'app.test']], extensions: [keyUsage] }))
  assert.deepEqual(
    extensions.map(({ type, critical }) => [type, critical]),
    [
      ['551d11', false],
      ['551d0f', true],
    ],
  )
  const [subjectAltName, usage] = extensions
  assert.ok(subjectAltName && usage)
  const [name] = readGeneralNames(subjectAltName.value)
  assert.equal(name?.tag, 0x82)
  assert.equal(Buffer.from(name.contents).toString(), 'app.test')
  assert.deepEqual([...usage.value], [3, 2, 7, 128])
})

test('a certificate without extensions has none', () => {
  assert.deepEqual(readExtensions(certificateDer({})), [])
})

test('a value longer than 255 octets is read', () => {
  const value = Buffer.alloc(1000, 7)
  const [only] = readExtensions(certificateDer({ extensions: [extension('2.5.29.99', value)] }))
  assert.deepEqual(Buffer.from(only?.value ?? []), value)
})

const FALSE = Buffer.of(0x01, 1, 0)
const TRUE_IN_BER = Buffer.of(0x01, 1, 1)
const oid = Buffer.of(0x06, 3, 0x55, 0x1d, 0x0f)
const value = Buffer.of(0x04, 1, 0)
const malformed: [about: string, extensions: Buffer[]][] = [
  ['an extension twice', [keyUsage, keyUsage]],
  ['FALSE written out', [der(0x30, oid, FALSE, value)]],
  ['TRUE that is not FF', [der(0x30, oid, TRUE_IN_BER, value)]],
  ['no value', [der(0x30, oid)]],
  ['something after the value', [der(0x30, oid, value, value)]],
  ['a value that is no OCTET STRING', [der(0x30, oid, oid)]],
  ['a type that is no OID', [der(0x30, value, value)]],
  ['a SET in place of a SEQUENCE', [der(0x31, oid, value)]],
  ['a length that is not the shortest', [Buffer.concat([Buffer.of(0x30, 0x81, 8), oid, value])]],
  ['a length with a leading zero', [der(0x30, oid, Buffer.concat([Buffer.of(4, 0x82, 0, 0x80), Buffer.alloc(0x80)]))]],
  ['an indefinite length', [Buffer.concat([Buffer.of(0x30, 0x80), oid, value, Buffer.of(0, 0)])]],
  ['a tag number above 30', [der(0x30, oid, Buffer.of(0x1f, 0x81, 1, 0))]],
]
for (const [about, extensions] of malformed) {
  test(`${about} is refused`, () => {
    // OpenSSL would refuse some of these itself, so they are put together without it.
    const tbs = der(0x30, der(0xa3, der(0x30, ...extensions)))
    assert.throws(() => readExtensions(der(0x30, tbs)))
  })
}

test('no beginning of a certificate is one, nor is one with an octet more', () => {
  const whole = certificateDer({ subjectAltName: [[2, 'app.test']], extensions: [keyUsage] })
  for (let length = 0; length < whole.length; length += 1)
    assert.throws(() => readExtensions(whole.subarray(0, length)))
  assert.throws(() => readExtensions(Buffer.concat([whole, Buffer.of(0)])))
})

test('arbitrary octets are read or refused, in bounded time', () => {
  const whole = certificateDer({ subjectAltName: [[2, 'app.test']], extensions: [keyUsage] })
  const position = fc.nat(whole.length - 1)
  fc.assert(
    fc.property(fc.array(fc.tuple(position, fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = Buffer.from(whole)
      for (const [at, octet] of changes) changed[at] = octet
      try {
        readExtensions(changed)
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError))
      }
    }),
    { numRuns: 500 },
  )
})
