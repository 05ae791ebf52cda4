import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseUrl, domainName, network, resolver, webLink } from '../../operator/setting-kinds.ts'
import type { SettingKind } from '../../operator/setting-kinds.ts'
import type { JsonSchema } from './json-schema.ts'
import { textShapes } from './text-shapes.ts'

const hosts = [
  'ca.example.com',
  'CA.example.com',
  'localhost',
  'xn--bcher-kva.example',
  '10.0.0.1',
  '[fd00::1]',
  '[::1]',
]
const noHosts = [
  '',
  'a..b',
  '-a.example',
  '300.1.1.1',
  '1.2.3',
  '10.0.0.256',
  '[::::]',
  '[fd00::1',
  'a b',
  'a/b',
  'a@b',
]
const ports = ['', ':1', ':443', ':65535']
const noPorts = [':', ':0', ':65536', ':99999', ':x']
const everyHost = hosts.flatMap((host) => ports.map((port) => `${host}${port}`))
const noBase = [...noHosts, ...hosts.flatMap((host) => noPorts.map((port) => `${host}${port}`))]

const addresses = ['10.0.0.1', '255.255.255.255', '::', '::1', 'fd00::1', '1:2:3:4:5:6:7:8', '1::8', '1:2:3:4:5:6:7::']
const noAddresses = ['', '10.0.0', '10.0.0.256', ':::', '1:2:3:4:5:6:7:8:9', '1::2::3', 'g::', '::::', 'ca.example.com']
const networks = [...addresses, '10.0.0.0/8', '0.0.0.0/0', 'fc00::/7', '::/0', '::1/128']
const noNetworks = [...noAddresses, '10.0.0.0/33', '10.0.0.0/', 'fc00::/129', '::::/12', '10.0.0.0/8/8']

const cases: readonly { shape: string; kind: SettingKind<unknown>; good: readonly string[]; bad: readonly string[] }[] =
  [
    {
      shape: 'httpsBases',
      kind: baseUrl('https'),
      good: everyHost.map((base) => `https://${base}`),
      bad: [...noBase.map((base) => `https://${base}`), 'http://ca.example.com', 'https://ca.example.com/acme'],
    },
    {
      shape: 'optionalBase',
      kind: baseUrl('http', 'https'),
      good: everyHost.map((base) => `http://${base}`),
      bad: [...noBase.map((base) => `http://${base}`), 'ftp://ca.example.com'],
    },
    {
      shape: 'optionalLink',
      kind: webLink,
      good: everyHost.flatMap((base) => [`https://${base}`, `https://${base}/terms?v=1#top`]),
      bad: [
        ...noBase.filter((base) => base !== 'a/b').map((base) => `https://${base}`),
        'https://ca.example.com/a b',
        'terms',
      ],
    },
    { shape: 'networks', kind: network, good: networks, bad: noNetworks },
    { shape: 'cidrs', kind: network, good: ['10.0.0.0/8', 'fc00::/7'], bad: [...noNetworks, ...addresses] },
    {
      shape: 'resolvers',
      kind: resolver,
      good: [...addresses, '10.0.0.10:5353', '[fd00::10]:53'],
      bad: [...noAddresses, '10.0.0.10:0', '10.0.0.10:65536', '[fd00::10]', 'dns.example.com:53'],
    },
    {
      shape: 'domainNames',
      kind: domainName,
      good: ['ca.example.com', 'CA.example.com', 'localhost', '1.example'],
      bad: ['', '-a.example', 'a..b', `${'a'.repeat(64)}.example`, 'a b', 'ca.example.com.'],
    },
  ]

for (const { shape, kind, good, bad } of cases) {
  test(`what ${shape} lets through, the program can read`, () => {
    const pattern = patternOf(shape)
    for (const text of good) {
      assert.match(text, pattern)
      assert.equal(kind.parse(text).ok, true, text)
    }
    for (const text of bad) assert.doesNotMatch(text, pattern)
  })
}

function patternOf(shape: string): RegExp {
  const schema = textShapes[shape]
  const items = (schema?.['items'] ?? schema) as JsonSchema
  return new RegExp(String(items['pattern']))
}
