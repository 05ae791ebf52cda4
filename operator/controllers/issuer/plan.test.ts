import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IssuerSpec } from '../../api/issuer.ts'
import type { IssuingCa } from '../../../ca/index.ts'
import { planIssuer } from './plan.ts'
import type { KnownGeneration, ObservedIssuer } from './plan.ts'
import { issuerIdentity, readIssuerSpec } from './spec.ts'

const now = new Date('2026-06-01T00:00:00Z')
const inDays = (days: number): Date => new Date(now.getTime() + days * 24 * 3600 * 1000)

function spec(members: object): IssuerSpec {
  const content = { apiVersion: 'certctl.io/v1alpha1', kind: 'Issuer', metadata: { name: 'a' }, spec: members }
  const outcome = readIssuerSpec(content)
  assert.ok(outcome.ok)
  return outcome.spec
}

const selfSigned = spec({ type: 'SelfSigned', selfSigned: { subject: { commonName: 'A' } } })
const otherName = spec({ type: 'SelfSigned', selfSigned: { subject: { commonName: 'B' } } })
const longer = spec({ type: 'SelfSigned', selfSigned: { subject: { commonName: 'A' }, duration: '100h' } })
const caSecret = spec({ type: 'CASecret', caSecret: { secretRef: { name: 'ca' } } })
const subordinate = spec({
  type: 'Subordinate',
  subordinate: { subject: { commonName: 'C' }, parentRef: { name: 'a' } },
})

const generation = (days: number): KnownGeneration => ({
  id: 'g1',
  generation: 1,
  sha256Fingerprint: 'f1',
  notAfter: inDays(days),
})

function anIssuer(changes: Partial<ObservedIssuer> & { of?: IssuerSpec }): ObservedIssuer {
  const { of = selfSigned, ...observed } = changes
  return { spec: { ok: true, spec: of }, key: 'matches', keyPlace: '/keys/a', now, ...observed }
}

const stored = (of: IssuerSpec, days = 365): NonNullable<ObservedIssuer['stored']> => ({
  type: of.type,
  identity: issuerIdentity(of),
  generations: [generation(days)],
})

/** As much of a CA as a plan looks at. */
function aCa(sha256Fingerprint: string, days: number): IssuingCa {
  return { certificate: { sha256Fingerprint, notAfter: inDays(days) } } as IssuingCa
}

const invalid = { ok: false, reason: 'InvalidSpec', errors: [{ path: ['spec'], message: 'is wrong' }] } as const
const missing = { ok: false, reason: 'SecretNotFound', message: 'there is no Secret' } as const

type Row = readonly [what: string, observed: ObservedIssuer, action: string, ready: string, reason: string]

const rows: readonly Row[] = [
  ['a new CA is made', anIssuer({ key: 'absent' }), 'make', 'True', 'Ready'],
  ['a key that waits for its certificate is used', anIssuer({ key: 'matches' }), 'make', 'True', 'Ready'],
  ['a CA that is there is served', anIssuer({ stored: stored(selfSigned) }), 'serve', 'True', 'Ready'],
  ['another duration changes nothing', anIssuer({ of: longer, stored: stored(selfSigned) }), 'serve', 'True', 'Ready'],
  ['a CA near its end says so', anIssuer({ stored: stored(selfSigned, 20) }), 'serve', 'True', 'CAExpiringSoon'],
  ['a CA past its end does not sign', anIssuer({ stored: stored(selfSigned, -1) }), 'serve', 'False', 'CAExpired'],
  ['another name is refused', anIssuer({ of: otherName, stored: stored(selfSigned) }), 'keep', 'False', 'InvalidSpec'],
  ['another type is refused', anIssuer({ of: caSecret, stored: stored(selfSigned) }), 'keep', 'False', 'InvalidSpec'],
  [
    'an invalid spec keeps what is',
    anIssuer({ spec: invalid, stored: stored(selfSigned) }),
    'keep',
    'False',
    'InvalidSpec',
  ],
  [
    'a missing key is no new CA',
    anIssuer({ stored: stored(selfSigned), key: 'absent' }),
    'keep',
    'False',
    'KeyMismatch',
  ],
  [
    'a wrong key is no new CA',
    anIssuer({ stored: stored(selfSigned), key: 'differs' }),
    'keep',
    'False',
    'KeyMismatch',
  ],
  [
    'a suspended CA does not sign',
    anIssuer({ of: { ...selfSigned, suspend: true }, stored: stored(selfSigned) }),
    'serve',
    'False',
    'Suspended',
  ],
  [
    'a Secret that is missing',
    anIssuer({ of: caSecret, secret: missing, key: 'not-needed' }),
    'keep',
    'False',
    'SecretNotFound',
  ],
  [
    'a CA in a Secret is adopted',
    anIssuer({ of: caSecret, secret: { ok: true, value: aCa('f2', 100) }, key: 'not-needed' }),
    'adopt',
    'True',
    'Ready',
  ],
  [
    'a CA in a Secret that is known is served',
    anIssuer({
      of: caSecret,
      secret: { ok: true, value: aCa('f1', 100) },
      stored: stored(caSecret),
      key: 'not-needed',
    }),
    'serve',
    'True',
    'Ready',
  ],
  [
    'another CA in the Secret is a new generation',
    anIssuer({
      of: caSecret,
      secret: { ok: true, value: aCa('f2', 100) },
      stored: stored(caSecret),
      key: 'not-needed',
    }),
    'adopt',
    'True',
    'Ready',
  ],
  [
    'a Subordinate without parent waits',
    anIssuer({ of: subordinate, key: 'absent' }),
    'keep',
    'False',
    'ParentNotReady',
  ],
  [
    'a Subordinate with its parent is made',
    anIssuer({ of: subordinate, key: 'absent', parent: { ok: true, value: aCa('p', 100) } }),
    'make',
    'True',
    'Ready',
  ],
  [
    'a Subordinate that is made needs its parent no more',
    anIssuer({ of: subordinate, stored: stored(subordinate) }),
    'serve',
    'True',
    'Ready',
  ],
]

for (const [what, observed, action, status, reason] of rows) {
  test(what, () => {
    const plan = planIssuer(observed)
    assert.equal(plan.action.do, action)
    const ready = plan.conditions.find(({ type }) => type === 'Ready')
    assert.deepEqual([ready?.status, ready?.reason], [status, reason])
  })
}

test('only a key that is missing or wrong refuses the start, and says what to do', () => {
  for (const [what, observed] of rows) {
    const { refuseStart } = planIssuer(observed)
    assert.equal(refuseStart !== undefined, what.includes('key is no new CA'), what)
    if (refuseStart !== undefined) assert.match(refuseStart, /processes that share a database share the CA keys/)
  }
})

test('an identity does not depend on what a CA can change', () => {
  assert.equal(issuerIdentity(selfSigned), issuerIdentity(longer))
  assert.notEqual(issuerIdentity(selfSigned), issuerIdentity(otherName))
})
