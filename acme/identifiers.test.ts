import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { GeneralName } from '../ca/index.ts'
import { compareCsrNames, parseIdentifiers, parsePreauthorizedIdentifier } from './identifiers.ts'
import { AcmeProblem, type ProblemType } from './problems.ts'

const dns = (value: string) => ({ type: 'dns', value }) as const

function problemOf(act: () => void): AcmeProblem {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof AcmeProblem, String(error))
    return error
  }
  return assert.fail('nothing was refused')
}

test('names are lower-cased, and a name that is repeated counts once', () => {
  const identifiers = parseIdentifiers([dns('B.example.com'), dns('a.example.com'), dns('b.EXAMPLE.com')])
  assert.deepEqual(identifiers, [dns('b.example.com'), dns('a.example.com')])
})

test('members beside type and value are ignored', () => {
  assert.deepEqual(parseIdentifiers([{ ...dns('a.example'), ancestorDomain: 'example' }]), [dns('a.example')])
})

const refused: Record<string, [unknown, ProblemType]> = {
  nothing: [undefined, 'malformed'],
  'an object': [{ 0: dns('a.example') }, 'malformed'],
  'an empty list': [[], 'malformed'],
  'a string in place of an identifier': [['a.example'], 'malformed'],
  'an identifier without type': [[{ value: 'a.example' }], 'malformed'],
  'an identifier whose value is a number': [[{ type: 'dns', value: 1 }], 'malformed'],
  'an identifier that is null': [[null], 'malformed'],
  'an IP address': [[{ type: 'ip', value: '10.0.0.1' }], 'unsupportedIdentifier'],
  'a type in upper case': [[{ type: 'DNS', value: 'a.example' }], 'unsupportedIdentifier'],
  'an e-mail address': [[{ type: 'email', value: 'a@example.com' }], 'unsupportedIdentifier'],
  'an IP address that says it is a DNS name': [[dns('127.1')], 'malformed'],
  'a name and an IP address at fault': [[dns('a_b'), { type: 'ip', value: '10.0.0.1' }], 'compound'],
}

for (const [what, [value, type]] of Object.entries(refused)) {
  test(`identifiers are refused as ${type} when they are ${what}`, () => {
    assert.equal(problemOf(() => parseIdentifiers(value)).type, type)
  })
}

test('every identifier at fault has a subproblem, and no other has', () => {
  const { subproblems } = problemOf(() => parseIdentifiers([dns('a_b.example'), dns('ok.example'), dns('x..example')]))
  assert.deepEqual(
    subproblems?.map((each) => each.identifier),
    [dns('a_b.example'), dns('x..example')],
  )
})

test('a wildcard cannot be authorized in advance', () => {
  assert.deepEqual(parsePreauthorizedIdentifier(dns('A.example')), dns('a.example'))
  assert.equal(problemOf(() => parsePreauthorizedIdentifier(dns('*.example.com'))).type, 'malformed')
})

test('any value is identifiers or a problem, nothing else', () => {
  const identifier = fc.record({ type: fc.constantFrom('dns', 'ip'), value: fc.oneof(fc.string(), fc.domain()) })
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.array(identifier)), (value) => {
      try {
        for (const { value: name } of parseIdentifiers(value)) assert.match(name, /^(\*\.)?[a-z0-9.-]+$/)
      } catch (error) {
        assert.ok(error instanceof AcmeProblem, String(error))
      }
    }),
  )
})

interface CsrNames {
  commonNames?: string[]
  names?: GeneralName[]
}
const compare = ({ commonNames = [], names = [] }: CsrNames) =>
  compareCsrNames({ commonNames, names }, [dns('a.example'), dns('*.b.example')])
const ordered = [dns('a.example'), dns('*.b.example')]

const acceptedCsrs: Record<string, CsrNames> = {
  'the names of the order': { names: ordered },
  'them in another order and case': { names: [dns('*.B.example'), dns('A.EXAMPLE')] },
  'one of them twice': { names: [...ordered, dns('a.example')] },
  'one of them as common name, too': { names: ordered, commonNames: ['A.example'] },
  'one of them as common name alone': { names: [dns('*.b.example')], commonNames: ['a.example'] },
}

for (const [what, csr] of Object.entries(acceptedCsrs)) {
  test(`a CSR may have ${what}`, () => compare(csr))
}

const refusedCsrs: Record<string, [CsrNames, RegExp]> = {
  'no name': [{}, /lacks names.*"a\.example", "\*\.b\.example"/],
  'a name less': [{ names: [dns('a.example')] }, /lacks names.*"\*\.b\.example"/],
  'a name more': [{ names: [...ordered, dns('c.example')] }, /not in the order: "c\.example"/],
  'a foreign common name': [{ names: ordered, commonNames: ['c.example'] }, /not in the order: "c\.example"/],
  'a common name that is no host name': [{ names: ordered, commonNames: ['My Server'] }, /"my server"/],
  'a second common name that is foreign': [{ names: ordered, commonNames: ['a.example', 'c.example'] }, /c\.example/],
  'the name with a dot at the end': [{ names: [...ordered, dns('a.example.')] }, /"a\.example\."/],
  'an IP address': [{ names: [...ordered, { type: 'ip', value: '10.0.0.1' }] }, /the IP address "10\.0\.0\.1"/],
  'an e-mail address': [{ names: [...ordered, { type: 'email', value: 'a@b.example' }] }, /the e-mail address/],
  'a URI': [{ names: [...ordered, { type: 'uri', value: 'spiffe://a.example/x' }] }, /the URI/],
  'a directory name': [{ names: [...ordered, { type: 'directory', value: 'CN=a.example' }] }, /the directory name/],
  'a registered id': [{ names: [...ordered, { type: 'registered-id', value: '1.2.3' }] }, /the registered id/],
  'an other name': [{ names: [...ordered, { type: 'other', value: 'a.example' }] }, /the other name/],
  'an ordered name as URI': [{ names: [...ordered, { type: 'uri', value: 'a.example' }] }, /the URI/],
}

for (const [what, [csr, detail]] of Object.entries(refusedCsrs)) {
  test(`a CSR is refused for ${what}`, () => {
    const problem = problemOf(() => compare(csr))
    assert.equal(problem.type, 'badCSR')
    assert.match(problem.detail, detail)
  })
}

test('a refusal names a few of many names', () => {
  const names = Array.from({ length: 8 }, (_, index) => dns(`${index}.example.net`))
  assert.match(problemOf(() => compare({ names })).detail, /"4\.example\.net" and 3 more\./)
})
