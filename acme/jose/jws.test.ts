import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AcmeProblem, type ProblemType } from '../problems.ts'
import { anySignedBody, signedBody, type Misbehaviour } from '../testing/signed-body.ts'
import { generateSigningKey, signingAlgorithms } from '../testing/signing-key.ts'
import { parseJwk } from './jwk.ts'
import { jwsAlgorithms, parseInnerJws, parseJws, verifySignature } from './jws.ts'

const is = (type: ProblemType) => (error: unknown) => error instanceof AcmeProblem && error.type === type

for (const alg of signingAlgorithms) {
  test(`a request signed with ${alg} verifies`, () => {
    const key = generateSigningKey(alg)
    const jws = parseJws(anySignedBody({}, key))
    assert.deepEqual(jws.protectedHeader, {
      alg,
      url: 'https://acme.test/acme/new-account',
      nonce: 'bm9uY2U',
      jwk: key.jwk,
    })
    assert.equal(jws.payload.toString(), '{"any":"thing"}')
    verifySignature(jws, parseJwk(jws.protectedHeader.jwk).publicKey)
  })
}

test('a request of an account names its URL as kid, and may be empty', () => {
  const key = generateSigningKey()
  const kid = 'https://acme.test/acme/account/1'
  const jws = parseJws(Buffer.from(signedBody({ key, url: 'https://acme.test/', nonce: 'bm9uY2U', kid })))
  assert.equal(jws.protectedHeader.kid, kid)
  assert.equal(jws.payload.length, 0)
  verifySignature(jws, parseJwk(key.jwk).publicKey)
})

test('members that no specification names are ignored, as RFC 7515 section 7.2.1 demands', () => {
  parseJws(anySignedBody({ extraMembers: { comment: 1 }, extraProtected: { typ: 'JOSE', 'x-mine': [] } }))
})

test('an absent nonce is left to be judged after the signature', () => {
  assert.equal(parseJws(anySignedBody({ withoutNonce: true })).protectedHeader.nonce, undefined)
})

const kid = 'https://acme.test/acme/account/1'
const misbehaviours: Record<string, [Misbehaviour, ProblemType]> = {
  'has an unprotected header': [{ unprotectedHeader: {} }, 'malformed'],
  'has a list of signatures': [{ extraMembers: { signatures: [] } }, 'malformed'],
  'has a signature that is no string': [{ extraMembers: { signature: 1 } }, 'malformed'],
  'has a payload that is no string': [{ extraMembers: { payload: {} } }, 'malformed'],
  'has no protected header': [{ extraMembers: { protected: undefined } }, 'malformed'],
  'has an empty protected header': [{ extraMembers: { protected: '' } }, 'malformed'],
  'has a protected header that is an array': [{ extraMembers: { protected: 'W10' } }, 'malformed'],
  'has a padded payload': [{ encodedPayload: 'e30=' }, 'malformed'],
  'has a payload in plain base64': [{ encodedPayload: '+/+/' }, 'malformed'],
  'has a payload in non-canonical base64url': [{ encodedPayload: 'e31' }, 'malformed'],
  'has crit': [{ extraProtected: { crit: ['exp'] } }, 'malformed'],
  'has an empty crit': [{ extraProtected: { crit: [] } }, 'malformed'],
  'has b64 false': [{ extraProtected: { b64: false } }, 'malformed'],
  'has b64 true': [{ extraProtected: { b64: true } }, 'malformed'],
  'has no alg': [{ extraProtected: { alg: undefined } }, 'malformed'],
  'has an alg that is no string': [{ extraProtected: { alg: ['ES256'] } }, 'malformed'],
  'has alg none': [{ alg: 'none' }, 'badSignatureAlgorithm'],
  'has alg HS256': [{ alg: 'HS256' }, 'badSignatureAlgorithm'],
  'has alg PS256': [{ alg: 'PS256' }, 'badSignatureAlgorithm'],
  'has alg RS512': [{ alg: 'RS512' }, 'badSignatureAlgorithm'],
  'has alg ES256K': [{ alg: 'ES256K' }, 'badSignatureAlgorithm'],
  'has alg es256': [{ alg: 'es256' }, 'badSignatureAlgorithm'],
  'has alg __proto__': [{ alg: '__proto__' }, 'badSignatureAlgorithm'],
  'has both jwk and kid': [{ embedJwk: true, keepKid: true, kid }, 'malformed'],
  'has neither jwk nor kid': [{ embedJwk: false }, 'malformed'],
  'has a kid that is no string': [{ extraProtected: { jwk: undefined, kid: 1 } }, 'malformed'],
  'has a jwk that is no object': [{ extraProtected: { jwk: 'key' } }, 'malformed'],
  'has a jwk that is null': [{ extraProtected: { jwk: null } }, 'malformed'],
  'has no url': [{ withoutUrl: true }, 'malformed'],
  'has a url that is no string': [{ extraProtected: { url: {} } }, 'malformed'],
  'has a nonce that is no string': [{ extraProtected: { nonce: 1 } }, 'malformed'],
  'has an empty nonce': [{ nonce: '' }, 'malformed'],
  'has a nonce that is not base64url': [{ nonce: 'a+b=' }, 'malformed'],
}

for (const [what, [wrong, type]] of Object.entries(misbehaviours)) {
  test(`a JWS is refused as ${type} when it ${what}`, () => {
    assert.throws(() => parseJws(anySignedBody(wrong)), is(type))
  })
}

const rawBodies: Record<string, string> = {
  'is empty': '',
  'is the compact serialization': 'e30.e30.AAAA',
  'is an array': `[${anySignedBody().toString()}]`,
  'begins with a byte order mark': `\uFEFF${anySignedBody().toString()}`,
  'has protected twice': `{"protected":"e30",${anySignedBody().toString().slice(1)}`,
  'has protected twice, once escaped': `{"pr\\u006ftected":"e30",${anySignedBody().toString().slice(1)}`,
}

for (const [what, body] of Object.entries(rawBodies)) {
  test(`a body is refused as malformed when it ${what}`, () => {
    assert.throws(() => parseJws(Buffer.from(body)), is('malformed'))
  })
}

test('a protected header that has a member twice is refused', () => {
  const header = Buffer.from('{"alg":"none","alg":"ES256"}').toString('base64url')
  assert.throws(() => parseJws(anySignedBody({ extraMembers: { protected: header } })), /"alg" twice/)
})

test('a refused algorithm comes with the list of those that are offered', () => {
  assert.throws(
    () => parseJws(anySignedBody({ alg: 'none' })),
    (error) => error instanceof AcmeProblem && error.algorithms === jwsAlgorithms,
  )
})

test('the algorithm is judged before the key, and the key before the url', () => {
  assert.throws(
    () => parseJws(anySignedBody({ alg: 'none', embedJwk: false, withoutUrl: true })),
    is('badSignatureAlgorithm'),
  )
  assert.throws(() => parseJws(anySignedBody({ embedJwk: false, withoutUrl: true })), /exactly one of "jwk" and "kid"/)
})

const changedSignatures: Record<string, (signature: Buffer) => Uint8Array> = {
  'is empty': () => Buffer.alloc(0),
  'has a bit flipped': (signature) => {
    signature[5]! ^= 1
    return signature
  },
  'has an octet more': (signature) => Buffer.concat([signature, Buffer.of(0)]),
  'has an octet less': (signature) => signature.subarray(0, -1),
  'is all zero': (signature) => Buffer.alloc(signature.length),
}

for (const alg of signingAlgorithms) {
  for (const [what, tamper] of Object.entries(changedSignatures)) {
    test(`a signature with ${alg} is refused when it ${what}`, () => {
      const jws = parseJws(anySignedBody({ tamper }, generateSigningKey(alg)))
      assert.throws(() => verifySignature(jws, parseJwk(jws.protectedHeader.jwk).publicKey), is('malformed'))
    })
  }

  test(`a signature with ${alg} is refused when another key made it`, () => {
    const jws = parseJws(anySignedBody({ signWith: generateSigningKey(alg) }, generateSigningKey(alg)))
    assert.throws(() => verifySignature(jws, parseJwk(jws.protectedHeader.jwk).publicKey), is('malformed'))
  })

  test(`a key for ${alg} serves no other algorithm`, () => {
    const key = generateSigningKey(alg)
    for (const claimed of signingAlgorithms.filter((each) => each !== alg)) {
      const jws = parseJws(anySignedBody({ alg: claimed }, key))
      assert.throws(() => verifySignature(jws, parseJwk(key.jwk).publicKey), is('badSignatureAlgorithm'))
    }
  })
}

test('a signature covers the header and the payload', () => {
  const key = generateSigningKey()
  const [first, second] = [anySignedBody({}, key), anySignedBody({ withUrl: 'https://acme.test/other' }, key)]
  const swapped = { ...JSON.parse(first.toString()), protected: JSON.parse(second.toString()).protected }
  const jws = parseJws(Buffer.from(JSON.stringify(swapped)))
  assert.throws(() => verifySignature(jws, parseJwk(key.jwk).publicKey), is('malformed'))
})

const innerUrl = 'https://acme.test/acme/key-change'
const inner = (wrong: Misbehaviour = {}) =>
  Buffer.from(signedBody({ key: generateSigningKey(), url: innerUrl, payload: {} }, wrong))

test('the inner JWS of a key change has the new key, the outer url and no nonce', () => {
  assert.equal(parseInnerJws(inner(), innerUrl).protectedHeader.jwk['kty'], 'EC')
})

const innerMisbehaviours: Record<string, Misbehaviour> = {
  'has a nonce': { nonce: 'bm9uY2U' },
  'has another url': { withUrl: `${innerUrl}/` },
  'has a kid': { kid, embedJwk: false },
}

for (const [what, wrong] of Object.entries(innerMisbehaviours)) {
  test(`the inner JWS of a key change is malformed when it ${what}`, () => {
    assert.throws(() => parseInnerJws(inner(wrong), innerUrl), is('malformed'))
  })
}

test('any change to a request is refused by a problem, or verifies nothing else than before', () => {
  const key = generateSigningKey()
  const body = anySignedBody({}, key)
  const payload = parseJws(body).payload
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(255), (at, octet) => {
      const changed = Buffer.from(body)
      changed[at] = octet
      try {
        const jws = parseJws(changed)
        verifySignature(jws, parseJwk(jws.protectedHeader.jwk).publicKey)
        assert.deepEqual(jws.payload, payload)
      } catch (error) {
        assert.ok(error instanceof AcmeProblem, String(error))
      }
    }),
    { numRuns: 1000 },
  )
})
