import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findNameFault } from './dns-names.ts'

const label63 = 'a'.repeat(63)
const name253 = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`

const hostNames = [
  'example.com',
  'EXAMPLE.com',
  'a.b.c.d.example.com',
  '*.example.com',
  '*.com',
  'localhost',
  'db-1.prod.svc.cluster.local',
  'xn--bcher-kva.example',
  'XN--BCHER-KVA.example',
  'r3---sn-abc.example',
  '1password.com',
  '10.example.com',
  '1.2.3.4.in-addr.arpa',
  'a.0x7g',
  '3com',
  name253,
]

for (const name of hostNames) {
  test(`${name} is a host name`, () => assert.equal(findNameFault(name), undefined))
}

const faults: Record<string, RegExp> = {
  '': /is empty/,
  '.': /ends in a dot/,
  'example.com.': /without it/,
  '.example.com': /empty label/,
  'a..example.com': /empty label/,
  '*': /whole first label/,
  '*.': /ends in a dot/,
  '**.example.com': /whole first label/,
  '*.*.example.com': /whole first label/,
  'a.*.example.com': /whole first label/,
  'a*.example.com': /whole first label/,
  'a_b.example.com': /underscore/,
  '_acme-challenge.example.com': /underscore/,
  '-a.example.com': /hyphen/,
  'a-.example.com': /hyphen/,
  [`${label63}a.example.com`]: /label longer than 63/,
  [`${name253}a`]: /longer than 253/,
  'https://example.com': /is a URL/,
  'example.com:443': /has a port/,
  'example.com/path': /letters, digits/,
  'user@example.com': /letters, digits/,
  'example.com ': /letters, digits/,
  'exam ple.com': /letters, digits/,
  'example.com\0.evil.com': /cannot have/,
  'example.com\n': /cannot have/,
  '1.2.3.4': /IP address/,
  '1.2.3.4.': /IP address/,
  '1.2.3.4:443': /IP address/,
  '127.1': /IP address/,
  '2130706433': /IP address/,
  '0x7f000001': /IP address/,
  '0X7F.1': /IP address/,
  '0x': /IP address/,
  '017700000001': /IP address/,
  'example.1': /IP address/,
  '*.1.2.3.4': /IP address/,
  '::1': /IP address/,
  '[::1]': /IP address/,
  '[::1]:443': /IP address/,
  '::ffff:127.0.0.1': /IP address/,
  'fe80::1%lo': /IP address/,
  '2001:db8::1': /IP address/,
  'xn--': /Punycode|hyphen/,
  'xn--a.example': /Punycode/,
  'xn--99zzz9999.example': /Punycode/,
  'bücher.example': /"xn--bcher-kva\.example"/,
  '*.bücher.example': /"\*\.xn--bcher-kva\.example"/,
  'faß.example': /"xn--fa-hia\.example"/,
  '１２７.0.0.1': /IP address/,
  '１２７.0.0.１': /cannot have/,
  'a。example': /"a\.example"/,
  '\u212a.example': /"k\.example"/,
  '\ud800.example': /cannot have/,
}

for (const [name, fault] of Object.entries(faults)) {
  test(`${JSON.stringify(name)} is no host name, and its owner is told why`, () => {
    assert.match(findNameFault(name) ?? 'no fault', fault)
  })
}

test('long text costs little to refuse', () => {
  const started = performance.now()
  for (const text of [':', '%', '1.', '*.', '1:', '\n', 'é']) findNameFault(`${text.repeat(50_000)}\n`)
  assert.ok(performance.now() - started < 1000)
})
