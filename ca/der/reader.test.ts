import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DerError, DerReader, assertDer, oidText, readDer } from './reader.ts'
import { tag } from './tags.ts'
import { readTime } from './time.ts'
import {
  bitString,
  booleanTrue,
  element,
  namedBits,
  octetString,
  oid,
  sequence,
  setOfOne,
  smallInteger,
  time,
  unsignedInteger,
  utf8String,
} from './writer.ts'

const notDer: [says: string, hex: string][] = [
  ['nothing', ''],
  ['a tag without a length', '30'],
  ['contents that are cut short', '300205'],
  ['octets after the end', '05000500'],
  ['an indefinite length', '30800000'],
  ['a short length in long form', '30810000'],
  ['a length with a leading zero', `30820080${'0500'.repeat(64)}`],
  ['a length of four octets', '308400000000'],
  ['a tag number above 30', '1f1f00'],
  ['an end-of-contents mark', '30020000'],
  ['a constructed OCTET STRING', '240404020102'],
  ['a primitive SEQUENCE', '1000'],
  ['an INTEGER without contents', '0200'],
  ['an INTEGER with a needless 00', '02020001'],
  ['an INTEGER with a needless FF', '0202ff80'],
  ['a BOOLEAN of two octets', '0102ffff'],
  ['a BOOLEAN that is 01', '010101'],
  ['a NULL with contents', '050100'],
  ['an object identifier without contents', '0600'],
  ['an object identifier that is cut short', '060180'],
  ['an object identifier with a padded arc', '06032a8001'],
  ['a BIT STRING without its first octet', '0300'],
  ['a BIT STRING with 8 unused bits', '03020800'],
  ['an empty BIT STRING with unused bits', '030101'],
  ['a BIT STRING with unused bits that are set', '03020101'],
  ['an inner element longer than the outer one', '300305040000000000'],
]

for (const [says, hex] of notDer) {
  test(`the reader refuses ${says}`, () => {
    assert.throws(() => assertDer(Buffer.from(hex, 'hex')), DerError)
  })
}

test('the reader refuses what is nested too deeply', () => {
  let der = sequence()
  for (let level = 0; level < 30; level++) der = sequence(der)
  assert.throws(() => assertDer(der), /nested/)
})

test('the reader accepts what the writer writes', () => {
  const written = sequence(
    smallInteger(127),
    unsignedInteger(Uint8Array.of(0, 0, 0x80)),
    booleanTrue,
    bitString(Uint8Array.of(1, 2)),
    namedBits([0, 8]),
    octetString(new Uint8Array(300)),
    octetString(new Uint8Array(70_000)),
    oid('2.999.1234567890'),
    setOfOne(utf8String('Söhne')),
    time(new Date(0)),
  )
  assertDer(written)
})

test('an unsigned INTEGER survives writing and reading', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (octets) => {
      const der = unsignedInteger(octets)
      assertDer(der)
      const contents = readDer(der, 'it', (reader) => reader.integer('it'))
      assert.equal(
        BigInt(`0x${Buffer.from(contents).toString('hex')}`),
        BigInt(`0x${Buffer.from(octets).toString('hex')}`),
      )
      assert.ok((contents[0] ?? 0) < 0x80)
    }),
  )
})

test('an object identifier survives writing and reading', () => {
  const root = fc.oneof(
    fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 39 })),
    fc.tuple(fc.constant(2), fc.nat()),
  )
  fc.assert(
    fc.property(root, fc.array(fc.nat(), { maxLength: 8 }), (start, rest) => {
      const text = [...start, ...rest].join('.')
      assert.equal(
        readDer(oid(text), 'it', (reader) => reader.oid('it')),
        text,
      )
    }),
  )
})

test('an object identifier with an arc beyond 2^53 is refused', () => {
  assert.throws(() => oidText(Uint8Array.of(0x69, ...new Uint8Array(9).fill(0xff), 0x7f)), DerError)
})

test('a default that is written out is refused', () => {
  assert.throws(() => new DerReader(Uint8Array.of(1, 1, 0)).defaultFalse('it'), /must be left out/)
})

test('a time survives writing and reading, as UTCTime through 2049 and GeneralizedTime from 2050', () => {
  const [min, max] = [new Date('1950-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59Z')]
  fc.assert(
    fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
      const der = time(date)
      assert.equal(der[0], date.getUTCFullYear() < 2050 ? tag.utcTime : tag.generalizedTime)
      const whole = Math.floor(date.getTime() / 1000) * 1000
      assert.equal(readDer(der, 'it', (reader) => readTime(reader, 'it')).getTime(), whole)
    }),
  )
})

const badTimes: [says: string, type: number, text: string][] = [
  ['30 February', tag.utcTime, '250230000000Z'],
  ['29 February of no leap year', tag.utcTime, '250229000000Z'],
  ['the month 13', tag.utcTime, '251301000000Z'],
  ['the hour 24', tag.utcTime, '250101240000Z'],
  ['the second 60', tag.utcTime, '250101000060Z'],
  ['no seconds', tag.utcTime, '2501010000Z'],
  ['an offset', tag.utcTime, '250101000000+0100'],
  ['no Z', tag.utcTime, '250101000000'],
  ['a sign for a digit', tag.utcTime, '+50101000000Z'],
  ['a fraction', tag.generalizedTime, '20500101000000.5Z'],
  ['GeneralizedTime before 2050', tag.generalizedTime, '20491231235959Z'],
  ['another type of string', tag.printableString, '250101000000Z'],
]

for (const [says, type, text] of badTimes) {
  test(`a time is refused with ${says}`, () => {
    const reader = new DerReader(element(type, Buffer.from(text)))
    assert.throws(() => readTime(reader, 'it'), DerError)
  })
}

test('a year that no certificate can hold is not written', () => {
  assert.throws(() => time(new Date('1949-12-31T23:59:59Z')), RangeError)
  assert.throws(() => time(new Date(Number.NaN)), RangeError)
})

test('whatever the bytes, the reader throws nothing but DerError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      try {
        assertDer(octets)
      } catch (error) {
        assert.ok(error instanceof DerError)
      }
    }),
  )
})
