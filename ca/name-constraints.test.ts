import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constructedContextTag, contextTag } from './der/tags.ts'
import { contextConstructed, element, sequence, smallInteger } from './der/writer.ts'
import { writeName } from './distinguished-name.ts'
import {
  assertConstraintsWithin,
  findForbiddenName,
  readNameConstraints,
  writeNameConstraints,
} from './name-constraints.ts'
import type { NameConstraints } from './name-constraints.ts'
import { assertRefused } from './testing/builders.ts'

const noSubject = writeName({})

function isPermitted(name: string, constraints: NameConstraints): boolean {
  const isAddress = /^[\d.]+$|:/.test(name)
  const names = { dnsNames: isAddress ? [] : [name], ipAddresses: isAddress ? [name] : [], subjectDer: noSubject }
  return findForbiddenName(names, [constraints]) === undefined
}

const permitted: NameConstraints = { permitted: { dns: ['example.com'], ip: ['10.0.0.0/8', 'fd00::/8'] } }
const excluded: NameConstraints = { excluded: { dns: ['secret.example.com'], ip: ['10.1.0.0/16'] } }

const table: [name: string, constraints: NameConstraints, expected: boolean][] = [
  ['example.com', permitted, true],
  ['a.b.example.com', permitted, true],
  ['badexample.com', permitted, false],
  ['example.org', permitted, false],
  ['com', permitted, false],
  ['*.example.com', permitted, true],
  ['*.a.example.com', permitted, true],
  ['*.com', permitted, false],
  ['*.example.com', { permitted: { dns: ['a.example.com'] } }, false],
  ['example.com', { permitted: { dns: ['EXAMPLE.com'] } }, true],
  ['example.com', { permitted: { dns: ['.example.com'] } }, false],
  ['a.example.com', { permitted: { dns: ['.example.com'] } }, true],
  ['anything.test', { permitted: { dns: [''] } }, true],
  ['anything.test', { excluded: { dns: [''] } }, false],
  ['anything.test', { permitted: { ip: ['10.0.0.0/8'] } }, true],
  ['10.2.3.4', permitted, true],
  ['11.2.3.4', permitted, false],
  ['fd12::1', permitted, true],
  ['fe80::1', permitted, false],
  ['fd12::1', { permitted: { ip: ['10.0.0.0/8'] } }, false],
  ['10.2.3.4', { permitted: { dns: ['example.com'] } }, true],
  ['secret.example.com', excluded, false],
  ['a.secret.example.com', excluded, false],
  ['public.example.com', excluded, true],
  ['*.secret.example.com', excluded, false],
  ['*.example.com', excluded, false],
  ['*.other.example.com', excluded, true],
  ['example.com', { excluded: { dns: ['.example.com'] } }, false],
  ['10.1.9.9', excluded, false],
  ['10.2.9.9', excluded, true],
  ['www.example.com', {}, true],
]

for (const [name, constraints, expected] of table) {
  test(`${name} is ${expected ? 'permitted' : 'forbidden'} by ${JSON.stringify(constraints)}`, () => {
    assert.equal(isPermitted(name, constraints), expected)
  })
}

test('every level of a chain must permit a name', () => {
  const names = { dnsNames: ['a.example.com'], ipAddresses: [], subjectDer: noSubject }
  const other: NameConstraints = { permitted: { dns: ['b.example.com'] } }
  assert.equal(findForbiddenName(names, [permitted, undefined, {}]), undefined)
  assert.equal(findForbiddenName(names, [permitted, other]), 'a.example.com')
  assert.equal(findForbiddenName(names, [other, permitted]), 'a.example.com')
})

const exampleOrg = writeName({ country: ['DE'], organization: ['Example'] })

for (const [says, subjectDer, constraints, expected] of [
  ['no subject passes a permitted directory', noSubject, { permitted: { directoryDer: [exampleOrg] } }, true],
  [
    'a subject below a permitted directory passes',
    writeName({ country: ['DE'], organization: ['Example'], commonName: 'x' }),
    { permitted: { directoryDer: [exampleOrg] } },
    true,
  ],
  [
    'a subject elsewhere is forbidden',
    writeName({ country: ['DE'], commonName: 'x' }),
    { permitted: { directoryDer: [exampleOrg] } },
    false,
  ],
  ['no subject passes an excluded directory', noSubject, { excluded: { directoryDer: [exampleOrg] } }, true],
  [
    'any subject is forbidden where a directory is excluded',
    writeName({ commonName: 'x' }),
    { excluded: { directoryDer: [exampleOrg] } },
    false,
  ],
] as const) {
  test(says, () => {
    const forbidden = findForbiddenName({ dnsNames: [], ipAddresses: [], subjectDer }, [constraints])
    assert.equal(forbidden === undefined, expected)
  })
}

test('name constraints survive writing and reading', () => {
  const constraints: NameConstraints = {
    permitted: { dns: ['example.com'], ip: ['10.0.0.0/8', 'fd00::/8'] },
    excluded: { dns: ['secret.example.com'], directoryDer: [exampleOrg] },
  }
  assert.deepEqual(readNameConstraints(writeNameConstraints(constraints)), constraints)
})

for (const [says, constraints] of [
  ['nothing', {}],
  ['an empty list', { permitted: { dns: [] } }],
  ['a wildcard', { permitted: { dns: ['*.example.com'] } }],
  ['a leading dot', { permitted: { dns: ['.example.com'] } }],
  ['an address that is no block', { permitted: { ip: ['10.0.0.1'] } }],
  ['a block with host bits', { permitted: { ip: ['10.0.0.1/8'] } }],
] satisfies [string, NameConstraints][]) {
  test(`name constraints with ${says} are not written`, async () => {
    await assertRefused('invalid-name-constraints', () => writeNameConstraints(constraints))
  })
}

function subtree(tag: number, contents: Uint8Array, ...rest: Uint8Array[]): Uint8Array {
  return sequence(contextConstructed(0, sequence(element(tag, contents), ...rest)))
}

test('forms of name that no certificate of ours holds are read and forbid nothing', () => {
  for (const tag of [contextTag(1), contextTag(6), constructedContextTag(0), contextTag(8)]) {
    const constraints = readNameConstraints(subtree(tag, Buffer.from('x')))
    assert.equal(isPermitted('www.example.com', constraints), true)
  }
})

test('a mask with holes and a subtree with a minimum are refused', async () => {
  const holes = subtree(contextTag(7), Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0))
  await assertRefused('invalid-name-constraints', () => readNameConstraints(holes))
  const minimum = subtree(
    contextTag(2),
    Buffer.from('example.com'),
    element(contextTag(0), smallInteger(1).subarray(2)),
  )
  assert.throws(() => readNameConstraints(minimum), /unexpected octets/)
})

for (const [says, own, above, allowed] of [
  [
    'a subtree of what is permitted above',
    { permitted: { dns: ['a.example.com'], ip: ['10.1.0.0/16'] } },
    permitted,
    true,
  ],
  ['a form that is free above', { permitted: { dns: ['example.org'] } }, { permitted: { ip: ['10.0.0.0/8'] } }, true],
  ['a wider domain', { permitted: { dns: ['com'] } }, permitted, false],
  ['a wider block', { permitted: { ip: ['10.0.0.0/7'] } }, permitted, false],
  ['exclusions of its own', { excluded: { dns: ['example.org'] } }, permitted, true],
] satisfies [string, NameConstraints, NameConstraints, boolean][]) {
  test(`a CA below may${allowed ? '' : ' not'} permit ${says}`, async () => {
    const attempt = () => assertConstraintsWithin(own, [above])
    if (allowed) attempt()
    else await assertRefused('invalid-name-constraints', attempt)
  })
}
