import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { AcmeProblem } from '../problems.ts'
import { parseJwk } from './jwk.ts'
import { parseFlattenedJws, verifySignature, type JwsAlgorithm } from './jws.ts'

interface Case {
  readonly tcId: number
  readonly comment: string
  /** `acceptable` may go either way. */
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

interface SignatureGroup {
  readonly alg: JwsAlgorithm
  readonly jwk: object
  readonly tests: readonly (Case & { readonly msg: string; readonly sig: string })[]
}

interface JoseGroup {
  readonly comment: string
  readonly jwk: { readonly alg?: string }
  readonly tests: readonly (Case & { readonly jws: string })[]
}

function readGroups<Group>(file: string): Group[] {
  const lines = readFileSync(new URL(`../testing/wycheproof/${file}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
  return lines.slice(1).map((line) => JSON.parse(line) as Group)
}

/** The problem that refuses, undefined where nothing does; anything else that is thrown fails the test. */
function refusal(act: () => void): AcmeProblem | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof AcmeProblem) return error
    throw error
  }
}

const signatureFiles = [
  'ecdsa_secp256r1_sha256_p1363',
  'ecdsa_secp384r1_sha384_p1363',
  'ecdsa_secp521r1_sha512_p1363',
  'ed25519',
  'rsa_signature_2048_sha256',
]

for (const file of signatureFiles) {
  test(`signatures are judged as in Wycheproof's ${file}`, () => {
    for (const { alg, jwk, tests } of readGroups<SignatureGroup>(file)) {
      const { publicKey } = parseJwk(jwk)
      for (const { tcId, comment, msg, sig, result } of tests) {
        const signed = {
          protectedHeader: { alg },
          signingInput: Buffer.from(msg, 'hex'),
          signature: Buffer.from(sig, 'hex'),
        }
        const problem = refusal(() => verifySignature(signed, publicKey))
        if (result !== 'acceptable') assert.equal(problem === undefined, result === 'valid', `${tcId} ${comment}`)
      }
    }
  })
}

/** The vectors are compact; ACME's flattened serialization holds the same three parts, and lacks what they lack. */
function flattened(compact: string): Buffer {
  const [encodedHeader, payload, signature] = compact.split('.')
  return Buffer.from(JSON.stringify({ protected: encodedHeader, payload, signature }))
}

function judge(compact: string, jwk: object): AcmeProblem | undefined {
  return refusal(() => {
    const jws = parseFlattenedJws(flattened(compact), 'The JWS')
    verifySignature(jws, parseJwk(jwk).publicKey)
  })
}

/** Valid for a general JOSE library, and refused here on purpose. */
function isNotOffered({ comment, jwk }: JoseGroup): boolean {
  // "ES521" is the vectors' own name for ES512; a key that names an algorithm nobody knows is not ours to use.
  return /^(rs384|rs512|ps\d+)$/.test(comment) || jwk.alg === 'PS256' || jwk.alg === 'ES521'
}

for (const file of ['json_web_signature', 'json_web_key']) {
  test(`JSON web signatures are judged as in Wycheproof's ${file}`, () => {
    for (const group of readGroups<JoseGroup>(file)) {
      for (const { tcId, comment, jws, result } of group.tests) {
        const expected = result === 'valid' && !isNotOffered(group)
        const problem = judge(jws, group.jwk)
        assert.equal(problem === undefined, expected, `${tcId} ${group.comment} ${comment}: ${problem?.message}`)
      }
    }
  })
}
