import assert from 'node:assert/strict'
import { test } from 'node:test'
import { challengeTypesFor, judgeIdentifiers, judgeName, type NamePolicy } from './name-policy.ts'
import type { DnsNameRules } from './policy.ts'
import { AcmeProblem } from './problems.ts'

function aPolicy(rules: Partial<DnsNameRules>, policy: Partial<NamePolicy> = {}): NamePolicy {
  const dns = { allowed: [], denied: [], wildcards: true, max: 100, ...rules }
  return { authMode: 'TrustAuthenticated', challengeTypes: ['http-01', 'dns-01'], identifiers: { dns }, ...policy }
}

const identifiers = (...names: string[]) => names.map((value) => ({ type: 'dns', value }) as const)

/** Pattern, name, whether the pattern allows it, whether it denies it. */
const patterns: [pattern: string, name: string, allows: boolean, denies: boolean][] = [
  ['example.com', 'example.com', true, true],
  ['example.com', 'a.example.com', false, false],
  ['example.com', 'notexample.com', false, false],
  ['example.com', '*.example.com', false, false],
  ['example.com', '*.com', false, true],
  ['*.example.com', 'a.example.com', true, true],
  ['*.example.com', 'example.com', false, false],
  ['*.example.com', 'a.b.example.com', false, false],
  ['*.example.com', 'anotexample.com', false, false],
  ['*.example.com', '*.example.com', true, true],
  ['*.example.com', '*.a.example.com', false, false],
  ['*.a.example.com', '*.example.com', false, false],
  ['**.example.com', 'a.example.com', true, true],
  ['**.example.com', 'a.b.c.example.com', true, true],
  ['**.example.com', 'example.com', false, false],
  ['**.example.com', 'anotexample.com', false, false],
  ['**.example.com', '*.example.com', true, true],
  ['**.example.com', '*.a.b.example.com', true, true],
  ['**.example.com', '*.com', false, false],
  ['**.a.example.com', '*.example.com', false, false],
  ['a.example.com', '*.example.com', false, true],
  ['localhost', 'localhost', true, true],
  ['*', 'example.com', false, false],
]

for (const [pattern, name, allows, denies] of patterns) {
  test(`the pattern ${pattern} ${allows ? 'allows' : 'does not allow'} ${name}`, () => {
    assert.equal(judgeName(name, aPolicy({ allowed: [pattern] })).allowed, allows)
  })

  test(`the pattern ${pattern} ${denies ? 'denies' : 'does not deny'} ${name}`, () => {
    const verdict = judgeName(name, aPolicy({ allowed: ['**.com', 'localhost', name], denied: [pattern] }))
    assert.equal(verdict.rule.startsWith('identifiers.dns.denied'), denies)
  })
}

test('the verdict names the rule that decided', () => {
  const policy = aPolicy({ allowed: ['a.test', '*.example.com'], denied: ['x.example.com'] })
  assert.deepEqual(judgeName('a.example.com', policy), {
    allowed: true,
    rule: 'identifiers.dns.allowed "*.example.com"',
    detail: '"a.example.com" is permitted by this profile\'s identifiers.dns.allowed "*.example.com".',
  })
  assert.deepEqual(judgeName('x.example.com', policy), {
    allowed: false,
    rule: 'identifiers.dns.denied "x.example.com"',
    detail: '"x.example.com" is denied by this profile\'s identifiers.dns.denied "x.example.com".',
  })
  assert.equal(judgeName('b.test', policy).rule, 'identifiers.dns.allowed')
})

test('a profile that allows no wildcards refuses them, whatever its patterns', () => {
  const policy = aPolicy({ allowed: ['*.example.com'], wildcards: false })
  assert.equal(judgeName('*.example.com', policy).rule, 'identifiers.dns.wildcards: false')
  assert.equal(judgeName('a.example.com', policy).allowed, true)
})

test('a wildcard that must be proven needs dns-01', () => {
  const challenge = { authMode: 'Challenge', challengeTypes: ['http-01', 'tls-alpn-01'] } as const
  assert.equal(judgeName('*.example.com', aPolicy({}, challenge)).rule, 'acme.challengeTypes')
  assert.equal(judgeName('*.example.com', aPolicy({}, { authMode: 'Challenge' })).allowed, true)
  assert.equal(judgeName('*.a.test', aPolicy({ allowed: ['*.a.test'] }, { challengeTypes: [] })).allowed, true)
})

test('an empty list allows what is proven, and nothing that is trusted', () => {
  assert.equal(judgeName('a.test', aPolicy({}, { authMode: 'Challenge' })).allowed, true)
  assert.equal(judgeName('a.test', aPolicy({})).allowed, false)
  assert.equal(judgeName('a.test', aPolicy({ allowed: ['b.test'] }, { authMode: 'Challenge' })).allowed, false)
})

test('a profile that is silent about DNS names issues none on trust, and no wildcard at all', () => {
  const silent = { challengeTypes: ['dns-01'], identifiers: {} } as const
  assert.equal(judgeName('a.test', { ...silent, authMode: 'TrustAuthenticated' }).allowed, false)
  assert.equal(judgeName('a.test', { ...silent, authMode: 'Challenge' }).allowed, true)
  assert.equal(judgeName('*.a.test', { ...silent, authMode: 'Challenge' }).allowed, false)
})

test('wildcards are offered dns-01 alone, other names every type in the order of the profile', () => {
  const policy = { challengeTypes: ['tls-alpn-01', 'dns-01', 'http-01'] } as const
  assert.deepEqual(challengeTypesFor('a.test', policy), ['tls-alpn-01', 'dns-01', 'http-01'])
  assert.deepEqual(challengeTypesFor('*.a.test', policy), ['dns-01'])
})

test('an order is refused with a subproblem for each name and its rule', () => {
  const policy = aPolicy({ allowed: ['*.example.com'] })
  judgeIdentifiers(identifiers('a.example.com', '*.example.com'), policy)
  assert.throws(
    () => judgeIdentifiers(identifiers('a.test', 'a.example.com', 'b.test'), policy),
    (error) => {
      assert.ok(error instanceof AcmeProblem)
      assert.equal(error.type, 'rejectedIdentifier')
      assert.deepEqual(
        error.subproblems?.map(({ type, identifier }) => [type, identifier.value]),
        [
          ['rejectedIdentifier', 'a.test'],
          ['rejectedIdentifier', 'b.test'],
        ],
      )
      return true
    },
  )
})

test('an order with more names than the profile allows is told how many that are', () => {
  const policy = aPolicy({ allowed: ['*.test'], max: 2 })
  judgeIdentifiers(identifiers('a.test', 'b.test'), policy)
  assert.throws(
    () => judgeIdentifiers(identifiers('a.test', 'b.test', 'c.test'), policy),
    /has 3 identifiers.*allows 2/,
  )
})
