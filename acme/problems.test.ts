import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcmeProblem, identifierProblem, problem, problemStatuses, serviceUnavailable, toDocument } from './problems.ts'

test('a problem document has only the members that are set, and never null', () => {
  assert.deepEqual(toDocument(problem.malformed('Send a CSR.')), {
    type: 'urn:ietf:params:acme:error:malformed',
    detail: 'Send a CSR.',
    status: 400,
  })
})

test('every type has a factory that makes its status', () => {
  for (const [type, status] of Object.entries(problemStatuses)) {
    const made: unknown = Reflect.apply(Reflect.get(problem, type), undefined, ['A sentence.', {}])
    assert.ok(made instanceof AcmeProblem)
    assert.deepEqual([made.type, made.status, made.message], [type, status, 'A sentence.'])
  }
})

test('all error types of RFC 8555 section 6.7 are in the table', () => {
  const ofTheRfc =
    'accountDoesNotExist alreadyRevoked badCSR badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa ' +
    'compound connection dns externalAccountRequired incorrectResponse invalidContact malformed orderNotReady ' +
    'rateLimited rejectedIdentifier serverInternal tls unauthorized unsupportedContact unsupportedIdentifier ' +
    'userActionRequired'
  assert.deepEqual(
    ofTheRfc.split(' ').filter((type) => !(type in problemStatuses)),
    [],
  )
})

test('a type comes with the members that the RFC demands of it', () => {
  const refusedAlgorithm = toDocument(problem.badSignatureAlgorithm('No.', { algorithms: ['ES256'] }))
  assert.deepEqual(refusedAlgorithm.algorithms, ['ES256'])
  const newTerms = toDocument(problem.userActionRequired('Agree.', { instance: 'https://ca.test/terms' }))
  assert.equal(newTerms.instance, 'https://ca.test/terms')
})

test('the cause stays out of the document', () => {
  const document = toDocument(problem.serverInternal('Try again.', { cause: new Error('password') }))
  assert.deepEqual(Object.keys(document), ['type', 'detail', 'status'])
})

test('a call site may set another status and further headers', () => {
  const conflict = problem.malformed('The key is taken.', { status: 409, headers: { Location: 'https://ca.test/1' } })
  assert.equal(conflict.status, 409)
  assert.deepEqual(conflict.headers, { Location: 'https://ca.test/1' })
})

test('Retry-After is whole seconds and at least one', () => {
  const seconds = [0.001, 1, 1.2].map(
    (retryAfterSeconds) => problem.rateLimited('Wait.', { retryAfterSeconds }).retryAfterSeconds,
  )
  assert.deepEqual(seconds, [1, 1, 2])
  assert.equal(problem.rateLimited('Wait.', { retryAfterSeconds: 0 }).retryAfterSeconds, 1)
})

test('what passes by itself is a 503 that says when to come back', () => {
  const unavailable = serviceUnavailable('The database is away.', 5)
  assert.deepEqual([unavailable.type, unavailable.status, unavailable.retryAfterSeconds], ['serverInternal', 503, 5])
})

const badName = { type: 'malformed', detail: '"a_b" is bad.', identifier: { type: 'dns', value: 'a_b' } } as const
const anAddress = {
  type: 'unsupportedIdentifier',
  detail: 'No.',
  identifier: { type: 'ip', value: '10.0.0.1' },
} as const

test('one identifier at fault gives the problem its type and detail, and shows itself in a subproblem only', () => {
  assert.deepEqual(toDocument(identifierProblem([badName])), {
    type: 'urn:ietf:params:acme:error:malformed',
    detail: '"a_b" is bad.',
    status: 400,
    subproblems: [{ ...badName, type: 'urn:ietf:params:acme:error:malformed' }],
  })
})

test('several identifiers at fault keep their common type, or become compound', () => {
  assert.equal(identifierProblem([badName, badName]).type, 'malformed')
  assert.equal(identifierProblem([badName, anAddress]).type, 'compound')
})

test('an answer is not swelled by thousands of identifiers at fault', () => {
  const problem = identifierProblem([badName, ...Array.from({ length: 2000 }, () => badName)])
  assert.equal(problem.subproblems?.length, 100)
  assert.match(problem.detail, /^2001 identifiers/)
})
