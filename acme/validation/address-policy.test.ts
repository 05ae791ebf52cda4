import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createAddressPolicy } from './address-policy.ts'
import { formatAddress, networkContains, parseAddress, parseNetwork } from '../ip-address.ts'

function bytesOf(text: string): Uint8Array {
  const bytes = parseAddress(text)
  assert.ok(bytes, `${text} is an address`)
  return bytes
}

function judge(address: string, allowedNetworks: string[] = []): string {
  const verdict = createAddressPolicy(allowedNetworks).judge(bytesOf(address))
  return verdict.allowed ? 'allowed' : verdict.network
}

describe('the policy that names no network', () => {
  const table: Record<string, string[]> = {
    allowed: [
      '8.8.8.8',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700::1111',
      '64:ff9b::808:808',
      '2002:808:808::1',
      '::ffff:8.8.8.8',
    ],
    loopback: ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:0001'],
    unspecified: ['0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0'],
    'link-local': ['169.254.1.1', 'fe80::1', 'febf::1', '::ffff:169.254.1.1'],
    'cloud metadata': [
      '169.254.169.254',
      '::ffff:a9fe:a9fe',
      'fd00:ec2::254',
      'fd20:ce::254',
      '100.100.100.200',
      '168.63.129.16',
    ],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
    broadcast: ['255.255.255.255'],
    reserved: ['240.0.0.1', '192.0.0.192', '192.88.99.1', '4000::1', 'fec0::1', '100::1', '2001:10::1'],
    documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
    benchmarking: ['198.18.0.1'],
    'private (RFC 1918)': ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', '::ffff:10.0.0.1'],
    'shared address space (RFC 6598)': ['100.64.0.1', '100.127.255.255'],
    'private (unique local)': ['fc00::1', 'fd12:3456::1'],
    'IPv4-compatible': ['::127.0.0.1', '::8.8.8.8', '::169.254.169.254'],
    'local NAT64': ['64:ff9b:1::808:808', '64:ff9b:1:7f00:0:100::'],
    Teredo: ['2001:0:7f00:1::', '2001:0:4136:e378:8000:63bf:80ff:fffe'],
    'loopback, wrapped in IPv6': ['64:ff9b::7f00:1', '64:ff9b::127.0.0.1', '2002:7f00:1::', '2002:7f00:1:ffff::1'],
    'cloud metadata, wrapped in IPv6': ['64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1'],
    'private (RFC 1918), wrapped in IPv6': ['64:ff9b::a00:1', '2002:a00:1::1'],
  }
  for (const [expected, addresses] of Object.entries(table)) {
    for (const address of addresses) {
      test(`says "${expected}" of ${address}`, () => {
        assert.equal(judge(address), expected)
      })
    }
  }

  test('refuses the IPv4-translated form of what it refuses', () => {
    assert.equal(judge('::ffff:0:7f00:1'), 'reserved')
  })
})

describe('allowed networks', () => {
  const opened: [address: string, network: string][] = [
    ['10.1.2.3', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '0.0.0.0/0'],
    ['10.1.2.3', '::ffff:10.0.0.0/104'],
    ['::ffff:10.1.2.3', '10.0.0.0/8'],
    ['100.64.1.1', '100.64.0.0/10'],
    ['fd12::1', 'fd00::/8'],
    ['fd12::1', '::/0'],
    ['127.0.0.1', '127.0.0.0/8'],
    ['127.0.0.1', '127.0.0.1/32'],
    ['::ffff:127.0.0.1', '127.0.0.0/8'],
    ['::1', '::1/128'],
    ['169.254.7.7', '169.254.0.0/16'],
    ['169.254.169.254', '169.254.169.254/32'],
    ['fd00:ec2::254', 'fd00:ec2::254'],
    ['198.18.5.5', '198.18.0.0/15'],
    ['64:ff9b::a00:1', '64:ff9b::a00:0/104'],
    ['64:ff9b::7f00:1', '64:ff9b::7f00:0/104'],
    ['2002:a00:1::1', '2002:a00::/24'],
    ['64:ff9b:1::808:808', '64:ff9b:1::/48'],
  ]
  for (const [address, network] of opened) {
    test(`${network} opens ${address}`, () => {
      assert.equal(judge(address, [network]), 'allowed')
    })
  }

  const stillRefused: [address: string, network: string][] = [
    ['10.1.2.3', '10.2.0.0/16'],
    ['10.1.2.3', '::/0'],
    ['127.0.0.1', '0.0.0.0/0'],
    ['127.0.0.1', '126.0.0.0/7'],
    ['::1', '::/0'],
    ['169.254.169.254', '169.254.0.0/16'],
    ['100.100.100.200', '100.64.0.0/10'],
    ['fd00:ec2::254', 'fd00::/8'],
    ['224.0.0.1', '0.0.0.0/0'],
    ['64:ff9b::7f00:1', '127.0.0.0/8'],
    ['2002:7f00:1::', '127.0.0.0/8'],
    ['::127.0.0.1', '127.0.0.0/8'],
    ['2001:0:7f00:1::', '127.0.0.0/8'],
    ['64:ff9b::a00:1', '10.0.0.0/8'],
    ['64:ff9b::7f00:1', '64:ff9b::/96'],
    ['64:ff9b:1::7f00:1', '64:ff9b:1::/48'],
    ['2002:7f00:1::', '2002::/16'],
  ]
  for (const [address, network] of stillRefused) {
    test(`${network} does not open ${address}`, () => {
      assert.notEqual(judge(address, [network]), 'allowed')
    })
  }

  test('text that is no network is a programming error', () => {
    for (const text of [
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      '10.0.0.0/',
      '10/8',
      '0x7f.1/8',
      'fe80::1%lo',
      'example.com',
      '',
    ]) {
      assert.throws(() => createAddressPolicy([text]), TypeError, text)
    }
  })
})

describe('addresses', () => {
  test('only the canonical notations are addresses', () => {
    const others = [
      '2130706433',
      '0x7f000001',
      '017700000001',
      '127.1',
      '0127.0.0.1',
      '127.0.0.1.',
      'fe80::1%lo',
      '[::1]',
      '',
      ' ::1',
      '::1::',
    ]
    for (const text of others) assert.equal(parseAddress(text), undefined, text)
  })

  const canonicalForms: [text: string, canonical: string][] = [
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1::', '1::'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['1:2:3::1.2.3.4', '1:2:3::102:304'],
    ['::1.2.3.4', '::102:304'],
    ['A::B:0:0:1', 'a::b:0:0:1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
  ]
  for (const [text, canonical] of canonicalForms) {
    test(`${text} is ${canonical}`, () => {
      assert.equal(formatAddress(bytesOf(text)), canonical)
    })
  }

  test('any sixteen octets that are not IPv4-mapped survive being written and read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
        const isMapped = networkContains(
          { bytes: Uint8Array.from([...Array(10).fill(0), 255, 255, 0, 0, 0, 0]), prefixLength: 96 },
          octets,
        )
        assert.deepEqual(parseAddress(formatAddress(octets)), isMapped ? octets.slice(12) : octets)
      }),
    )
  })

  test('a network ignores the bits below its prefix', () => {
    assert.deepEqual(parseNetwork('10.1.2.3/12'), { bytes: Uint8Array.of(10, 0, 0, 0), prefixLength: 12 })
    assert.deepEqual(parseNetwork('::ffff:0:0/95')?.bytes.length, 16)
  })
})
