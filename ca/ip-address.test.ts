import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatCidr, formatIpAddress, parseCidr, parseIpAddress, rangeContains, singleAddress } from './ip-address.ts'

for (const [text, canonical] of [
  ['10.0.0.1', '10.0.0.1'],
  ['::', '::'],
  ['::1', '::1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8::', '2001:db8::'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:0:0:1:1:0:0:1', '2001::1:1:0:0:1'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
] as const) {
  test(`the canonical text of ${text} is ${canonical}`, () => {
    assert.equal(formatIpAddress(parseIpAddress(text)!), canonical)
  })
}

for (const text of [
  '',
  '1.2.3',
  '01.2.3.4',
  '0x7f000001',
  '2130706433',
  '1.2.3.4/8',
  'fe80::1%eth0',
  ':::',
  '1::2::3',
  'a.b',
]) {
  test(`"${text}" is no address`, () => {
    assert.equal(parseIpAddress(text), undefined)
  })
}

test('every address survives formatting and parsing', () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    sparse(),
  )
  fc.assert(
    fc.property(octets, (address) => {
      assert.deepEqual(parseIpAddress(formatIpAddress(address)!), address)
    }),
  )
})

/** Addresses with runs of zeros, where the shortening happens. */
function sparse() {
  const octet = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 255 }))
  return fc.array(octet, { minLength: 16, maxLength: 16 }).map((octets) => Uint8Array.from(octets))
}

for (const text of ['10.0.0.0/8', '0.0.0.0/0', '192.0.2.1/32', 'fd00::/8', '::/0', '2001:db8::/33']) {
  test(`the block ${text} survives parsing and formatting`, () => {
    assert.equal(formatCidr(parseCidr(text)!), text)
  })
}

for (const text of [
  '10.0.0.1/8',
  '10.0.0.0/33',
  'fd00::/129',
  '10.0.0.0',
  '10.0.0.0/',
  '/8',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
]) {
  test(`"${text}" is no block`, () => {
    assert.equal(parseCidr(text), undefined)
  })
}

test('a mask with holes has no CIDR notation', () => {
  assert.equal(formatCidr({ address: Uint8Array.of(10, 0, 0, 0), mask: Uint8Array.of(255, 0, 255, 0) }), undefined)
})

for (const [outer, inner, contained] of [
  ['10.0.0.0/8', '10.255.255.255/32', true],
  ['10.0.0.0/8', '11.0.0.0/32', false],
  ['10.0.0.0/8', '10.0.0.0/8', true],
  ['10.0.0.0/8', '10.0.0.0/7', false],
  ['10.0.0.0/9', '10.0.0.0/8', false],
  ['0.0.0.0/0', '::/0', false],
  ['fd00::/8', 'fdff::/16', true],
  ['::/0', 'fd00::/8', true],
] as const) {
  test(`${outer} ${contained ? 'contains' : 'does not contain'} ${inner}`, () => {
    assert.equal(rangeContains(parseCidr(outer)!, parseCidr(inner)!), contained)
  })
}

test('a single address is the block of itself', () => {
  const address = parseIpAddress('10.0.0.1')!
  assert.equal(formatCidr(singleAddress(address)), '10.0.0.1/32')
})
