import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { assertWithinCeilings, ceilingsMistakes, ceilingsOver, withinCeilings } from './ceilings.ts'
import { covers, coversPattern } from './name-policy.ts'
import type { IssuancePolicy, IssuerCeilings } from './policy.ts'
import { AcmeProblem } from './problems.ts'
import { trustingPolicy } from './testing/acme-service.ts'

const day = 86_400

function aPolicy(allowed: readonly string[], changes: Partial<IssuancePolicy> = {}): IssuancePolicy {
  return { ...trustingPolicy, identifiers: { dns: { allowed, denied: [], wildcards: true, max: 100 } }, ...changes }
}

test('a profile is held to the ceilings of an Issuer in another namespace', () => {
  const ceilings = { dns: ['example.com'] }
  assert.equal(ceilingsOver({ namespace: 'shop' }, { namespace: 'pki', ceilings }), ceilings)
  assert.equal(ceilingsOver({ namespace: 'pki' }, { namespace: 'pki', ceilings }), undefined)
  assert.equal(ceilingsOver({ namespace: 'shop' }, { namespace: 'pki' }), undefined)
})

suite('one pattern lies within another', () => {
  const cases: [wide: string, narrow: string, within: boolean][] = [
    ['a.example.com', 'a.example.com', true],
    ['a.example.com', 'b.example.com', false],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'a.b.example.com', false],
    ['*.example.com', '*.example.com', true],
    ['*.example.com', '**.example.com', false],
    ['*.example.com', '*.a.example.com', false],
    ['a.example.com', '*.example.com', false],
    ['**.example.com', 'example.com', false],
    ['**.example.com', 'a.b.example.com', true],
    ['**.example.com', '*.example.com', true],
    ['**.example.com', '*.a.example.com', true],
    ['**.example.com', '**.example.com', true],
    ['**.example.com', '**.a.example.com', true],
    ['**.a.example.com', '**.example.com', false],
    ['**.example.com', '**.notexample.com', false],
    ['**.example.com', '*.com', false],
  ]
  for (const [wide, narrow, within] of cases) {
    test(`${narrow} is ${within ? '' : 'not '}within ${wide}`, () => assert.equal(coversPattern(wide, narrow), within))
  }

  test('where and only where every name of the one is a name of the other', () => {
    const labels = ['a', 'b', '*']
    const tops = ['x', 'a.x', 'b.x', 'b.a.x', 'y']
    const names = [...tops, ...tops.flatMap((top) => labels.flatMap((one) => deeper(one, top, ['a', 'b'])))]
    const patterns = tops.flatMap((top) => [top, `*.${top}`, `**.${top}`])
    for (const wide of patterns) {
      for (const narrow of patterns) {
        const outside = names.filter((name) => covers(narrow, name) && !covers(wide, name))
        assert.equal(coversPattern(wide, narrow), outside.length === 0, `${narrow} in ${wide}: ${outside.join(', ')}`)
      }
    }
  })
})

/** A name one label below, and names two and three below that. */
function deeper(label: string, top: string, between: readonly string[]): string[] {
  return [
    `${label}.${top}`,
    ...between.map((each) => `${label}.${each}.${top}`),
    ...between.map((each) => `${label}.${each}.${each}.${top}`),
  ]
}

suite('a policy beyond its ceilings', () => {
  const cases: [name: string, policy: IssuancePolicy, ceilings: IssuerCeilings, mistakes: readonly RegExp[]][] = [
    ['none where nothing is bounded', aPolicy(['**.example.com']), {}, []],
    [
      'none where all is within',
      aPolicy(['a.example.com', '*.b.example.com'], { authMode: 'Challenge' }),
      { dns: ['**.example.com'], authModes: ['Challenge'], maxValiditySeconds: 90 * day },
      [],
    ],
    [
      'each pattern that is not within one of the permitted',
      aPolicy(['example.com', 'a.example.com', '**.example.net']),
      { dns: ['**.example.com', '*.example.net'] },
      [/allowed "example\.com" is not within .*\*\*\.example\.com, \*\.example\.net$/, /allowed "\*\*\.example\.net"/],
    ],
    [
      'any name that is proven, where names are bounded',
      aPolicy([], { authMode: 'Challenge' }),
      { dns: ['**.example.com'] },
      [/allowed is empty, which means every name that is proven/],
    ],
    ['no name at all is within every bound', aPolicy([]), { dns: ['**.example.com'] }, []],
    [
      'no rules for DNS names, under Challenge',
      { ...trustingPolicy, authMode: 'Challenge', identifiers: {} },
      { dns: ['**.example.com'] },
      [/allowed is empty/],
    ],
    [
      'names where none is permitted',
      aPolicy(['a.example.com']),
      { dns: [] },
      [/"a\.example\.com" is not within .*: none$/],
    ],
    [
      'the way of authorizing',
      aPolicy(['a.example.com']),
      { authModes: ['Challenge'] },
      [/acme\.authMode TrustAuthenticated is not permitted by .*ceilings\.authModes .*: Challenge$/],
    ],
    [
      'the validity',
      aPolicy(['a.example.com']),
      { maxValiditySeconds: 90 * day - 1 },
      [/validity\.max is 7776000 seconds, longer than the 7775999 seconds of the Issuer's/],
    ],
    [
      'everything at once',
      aPolicy(['a.example.org']),
      { dns: ['**.example.com'], authModes: [], maxValiditySeconds: 60 },
      [/authMode/, /identifiers/, /validity/],
    ],
  ]
  for (const [name, policy, ceilings, expected] of cases) {
    test(name, () => {
      const mistakes = ceilingsMistakes(policy, ceilings)
      assert.equal(mistakes.length, expected.length, mistakes.join('\n'))
      for (const [index, pattern] of expected.entries()) assert.match(mistakes[index] ?? '', pattern)
    })
  }
})

suite('within its ceilings', () => {
  test('a policy keeps its validity, and beyond them gets theirs', () => {
    const policy = aPolicy(['a.example.com'])
    assert.equal(withinCeilings(undefined, policy), policy)
    assert.equal(withinCeilings({ maxValiditySeconds: 90 * day }, policy), policy)
    const { validity, ...others } = withinCeilings({ maxValiditySeconds: day }, policy)
    assert.deepEqual(validity, { ...policy.validity, defaultSeconds: day, maxSeconds: day })
    assert.deepEqual(others, withoutValidity(policy))
    const shorter = { ...policy, validity: { ...policy.validity, defaultSeconds: 3600 } }
    assert.equal(withinCeilings({ maxValiditySeconds: day }, shorter).validity.defaultSeconds, 3600)
  })

  test('names are refused one by one', () => {
    const identifiers = ['a.example.com', '*.example.com', 'example.com', '*.example.net'].map((value) => ({
      type: 'dns',
      value,
    }))
    const ceilings = { dns: ['*.example.com'] }
    assertWithinCeilings(ceilings, identifiers.slice(0, 2), trustingPolicy)
    assertWithinCeilings({}, identifiers, trustingPolicy)
    assertWithinCeilings(undefined, identifiers, trustingPolicy)
    assert.throws(
      () => assertWithinCeilings(ceilings, identifiers, trustingPolicy),
      (error) => {
        assert.ok(error instanceof AcmeProblem)
        assert.equal(error.type, 'rejectedIdentifier')
        assert.deepEqual(
          error.subproblems?.map(({ identifier }) => identifier.value),
          ['example.com', '*.example.net'],
        )
        return true
      },
    )
  })
})

function withoutValidity({ validity: _validity, ...others }: IssuancePolicy): Omit<IssuancePolicy, 'validity'> {
  return others
}
