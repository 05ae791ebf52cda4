import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DerReader } from '../der/reader.ts'
import { contextConstructed, element, octetString, oid, sequence } from '../der/writer.ts'
import { buildLeafTbs } from '../leaf-certificate.ts'
import type { LeafPlan } from '../leaf-certificate.ts'
import { generateSerialNumber } from '../serial-number.ts'
import { aKey, aLeafPlan, aRootCa, p256, spkiOf } from '../testing/builders.ts'
import { lintTbsCertificate } from './leaf.ts'

const root = await aRootCa({ nameConstraints: { permitted: { dns: ['example.com'], ip: ['10.0.0.0/8', 'fd00::/8'] } } })
const fullPlan = await aLeafPlan(root, {
  dnsNames: ['www.example.com', '*.example.com'],
  ipAddresses: ['10.1.2.3', 'fd00::7'],
  commonName: 'www.example.com',
  organization: ['Test'],
  keyUsages: ['digitalSignature', 'keyAgreement'],
  extendedKeyUsages: ['serverAuth', 'clientAuth'],
  urls: {
    caIssuers: ['http://pki.example.com/ca.crt'],
    crlDistributionPoints: ['http://pki.example.com/0.crl'],
    ocsp: ['http://pki.example.com/ocsp'],
  },
})
const barePlan = await aLeafPlan(root, { keyUsages: [], extendedKeyUsages: [] })

function rulesBroken(plan: LeafPlan, expected: LeafPlan): string[] {
  return lintTbsCertificate(buildLeafTbs(plan), expected).map(({ rule }) => rule)
}

for (const [says, plan] of [
  ['with everything in it', fullPlan],
  ['with nothing but names', barePlan],
] as const) {
  test(`the linter finds a certificate clean ${says}`, () => {
    assert.deepEqual(lintTbsCertificate(buildLeafTbs(plan), plan), [])
  })

  test(`the linter finds every flipped bit in a certificate ${says}`, () => {
    const tbsDer = buildLeafTbs(plan)
    for (let bit = 0; bit < tbsDer.length * 8; bit++) {
      const mutant = tbsDer.slice()
      mutant[bit >> 3] = (mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.notDeepEqual(lintTbsCertificate(mutant, plan), [], `bit ${bit & 7} of octet ${bit >> 3}`)
    }
  })

  test(`the linter finds every certificate ${says} that is cut short or goes on`, () => {
    const tbsDer = buildLeafTbs(plan)
    for (let length = 0; length < tbsDer.length; length++) {
      assert.notDeepEqual(lintTbsCertificate(tbsDer.subarray(0, length), plan), [])
    }
    assert.notDeepEqual(lintTbsCertificate(Buffer.concat([tbsDer, Uint8Array.of(0)]), plan), [])
  })

  test(`the linter finds any element of a certificate ${says} that was dropped, doubled, swapped or exchanged`, () => {
    const tree = parse(buildLeafTbs(plan))
    const paths = pathsOf(tree)
    const path = fc.constantFrom(...paths)
    fc.assert(
      fc.property(path, path, fc.constantFrom('drop', 'double', 'swap', 'exchange'), (one, other, how) => {
        const mutant = encode(mutate(tree, { one, other, how }))
        fc.pre(!Buffer.from(mutant).equals(encode(tree)))
        assert.notDeepEqual(lintTbsCertificate(mutant, plan), [])
      }),
      { numRuns: 3000 },
    )
  })
}

/** An element taken apart: constructed ones, and OCTET STRINGs that hold DER, have children. */
interface Tree {
  readonly tag: number
  readonly children?: readonly Tree[]
  readonly contents?: Uint8Array
}

function parse(der: Uint8Array): Tree {
  const { tag, contents } = new DerReader(der).element()
  if ((tag & 0x20) !== 0 || tag === 0x04) {
    try {
      return { tag, children: parseAll(contents) }
    } catch {
      // An OCTET STRING with something else in it.
    }
  }
  return { tag, contents }
}

function parseAll(contents: Uint8Array): Tree[] {
  const reader = new DerReader(contents)
  const children: Tree[] = []
  while (!reader.atEnd) children.push(parse(reader.element().der))
  return children
}

function encode(tree: Tree): Uint8Array {
  return element(tree.tag, ...(tree.children?.map(encode) ?? [tree.contents ?? new Uint8Array()]))
}

function pathsOf(tree: Tree, path: number[] = []): number[][] {
  const below = (tree.children ?? []).flatMap((child, index) => pathsOf(child, [...path, index]))
  return path.length === 0 ? below : [path, ...below]
}

function at(tree: Tree, path: readonly number[]): Tree {
  return path.reduce((node, index) => node.children![index]!, tree)
}

function mutate(tree: Tree, { one, other, how }: { one: number[]; other: number[]; how: string }): Tree {
  switch (how) {
    case 'drop':
      return replace(tree, one, [])
    case 'double':
      return replace(tree, one, [at(tree, one), at(tree, one)])
    case 'exchange':
      return replace(tree, one, [at(tree, other)])
    default:
      return swapWithNext(tree, one)
  }
}

function replace(tree: Tree, [index, ...rest]: readonly number[], by: readonly Tree[]): Tree {
  const children = tree.children!.flatMap((child, position) => {
    if (position !== index) return [child]
    return rest.length === 0 ? by : [replace(child, rest, by)]
  })
  return { ...tree, children }
}

function swapWithNext(tree: Tree, path: readonly number[]): Tree {
  const parent = path.slice(0, -1)
  const index = path.at(-1)!
  // Extensions have no order, so another one means the same (RFC 5280 section 4.2).
  if (at(tree, parent).children!.length <= index + 1 || parent.join() === `${tree.children!.length - 1},0`) return tree
  const children = [...at(tree, parent).children!]
  children.splice(index, 2, children[index + 1]!, children[index]!)
  const swapped = { ...at(tree, parent), children }
  return parent.length === 0 ? swapped : replace(tree, parent, [swapped])
}

const otherKey = spkiOf(await aKey(p256, 'another leaf'))

for (const [rule, change] of Object.entries({
  'serial-number': { serialNumber: generateSerialNumber() },
  'signature-algorithm': { signatureAlgorithm: 'ecdsa-with-SHA384' },
  validity: { notAfter: new Date('2049-12-31T23:59:58Z') },
  subject: { organization: ['Another'] },
  'public-key': { subjectPublicKeyInfoDer: otherKey },
  'key-usage': { keyUsages: ['digitalSignature'] },
  'extended-key-usage': { extendedKeyUsages: ['serverAuth', 'codeSigning'] },
  'subject-alt-name': { dnsNames: ['www.example.com', 'mail.example.com'] },
  urls: { urls: { ...fullPlan.urls, ocsp: ['http://pki.example.com/other'] } },
  extensions: { urls: {} },
} satisfies Record<string, Partial<LeafPlan>>)) {
  test(`the linter names the rule ${rule} where only that was not planned`, () => {
    const broken = rulesBroken({ ...fullPlan, ...change }, fullPlan)
    assert.ok(broken.includes(rule), broken.join())
  })
}

for (const [says, rule, change] of [
  ['a name in capitals', 'subject-alt-name', { dnsNames: ['WWW.example.com'] }],
  ['an underscore', 'subject-alt-name', { dnsNames: ['a_b.example.com'] }],
  ['a trailing dot', 'subject-alt-name', { dnsNames: ['www.example.com.'] }],
  ['a wildcard within a label', 'subject-alt-name', { dnsNames: ['w*.example.com'] }],
  ['a wildcard below the first label', 'subject-alt-name', { dnsNames: ['www.*.example.com'] }],
  ['an address as a DNS name', 'subject-alt-name', { dnsNames: ['10.0.0.1'] }],
  ['a label of 64 characters', 'subject-alt-name', { dnsNames: [`${'a'.repeat(64)}.example.com`] }],
  ['a name twice', 'subject-alt-name', { dnsNames: ['www.example.com', 'www.example.com'] }],
  ['a name that is not ASCII', 'subject-alt-name', { dnsNames: ['bücher.example.com'] }],
  ['no name at all', 'subject-alt-name', { dnsNames: [], ipAddresses: [] }],
  ['a common name that is no DNS name of it', 'common-name', { commonName: 'other.example.com' }],
  ['an organization of 65 characters', 'subject', { organization: ['x'.repeat(65)] }],
  ['an empty organization', 'subject', { organization: [''] }],
  ['certificate signing', 'key-usage', { keyUsages: ['digitalSignature', 'keyCertSign'] }],
  ['a key usage twice over', 'extended-key-usage', { extendedKeyUsages: ['serverAuth', 'serverAuth'] }],
  ['a relative URL', 'urls', { urls: { caIssuers: ['/ca.crt'] } }],
  ['an end before its beginning', 'validity', { notAfter: new Date('2025-05-01T00:00:00Z') }],
  ['a serial number of 21 octets', 'serial-number', { serialNumber: new Uint8Array(21).fill(1) }],
  ['the serial number zero', 'serial-number', { serialNumber: new Uint8Array(20) }],
] satisfies [string, string, Partial<LeafPlan>][]) {
  test(`the linter refuses ${says}, even where it was planned`, () => {
    const plan = { ...barePlan, issuer: { ...barePlan.issuer, nameConstraints: undefined }, ...change }
    const broken = rulesBroken(plan, plan)
    assert.ok(broken.includes(rule), broken.join())
  })
}

test('the linter refuses names outside the constraints of a CA further up', () => {
  const above = {
    ...barePlan.issuer,
    inherited: { nameConstraints: [{ permitted: { dns: ['example.org'] } }], extendedKeyUsages: [] },
  }
  assert.deepEqual(rulesBroken(barePlan, { ...barePlan, issuer: above }), ['name-constraints'])
})

test('the linter refuses a certificate that outlives its issuer', () => {
  const expected = { ...barePlan, issuer: { ...barePlan.issuer, notAfter: new Date('2049-12-31T23:59:58Z') } }
  assert.deepEqual(rulesBroken(barePlan, expected), ['validity'])
})

test('the linter refuses an extension that nobody planned', () => {
  const tree = parse(buildLeafTbs(barePlan))
  const extra = parse(sequence(oid('1.2.3.4'), octetString(sequence())))
  const extensions = tree.children!.at(-1)!.children![0]!
  const wrapped = parse(contextConstructed(3, sequence(...extensions.children!.map(encode), encode(extra))))
  const mutant = encode({ ...tree, children: [...tree.children!.slice(0, -1), wrapped] })
  assert.deepEqual(
    lintTbsCertificate(mutant, barePlan).map(({ rule }) => rule),
    ['extensions'],
  )
})

test('the linter never throws, whatever the bytes', () => {
  const tbsDer = buildLeafTbs(fullPlan)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(tbsDer.length), (noise, position) => {
      const mutant = Buffer.concat([tbsDer.subarray(0, position), noise, tbsDer.subarray(position + noise.length)])
      assert.ok(Array.isArray(lintTbsCertificate(mutant, fullPlan)))
      assert.notDeepEqual(lintTbsCertificate(noise, fullPlan), [])
    }),
    { numRuns: 2000 },
  )
})
