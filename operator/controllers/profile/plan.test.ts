import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import { planProfile } from './plan.ts'
import type { ObservedIssuerRef, ObservedProfile } from './plan.ts'
import { compilePolicy, policyHash } from './policy.ts'
import { readProfileSpec } from './spec.ts'

const defaults = {
  orderLifetimeSeconds: 100,
  authorizationLifetimeSeconds: 200,
  meta: { website: 'https://a.example/' },
}

function spec(members: object): CertificateProfileSpec {
  const content = {
    apiVersion: 'certctl.io/v1alpha1',
    kind: 'CertificateProfile',
    metadata: { name: 'a' },
    spec: { issuerRef: { name: 'ca' }, acme: { authMode: 'Challenge' }, ...members },
  }
  const outcome = readProfileSpec(content)
  assert.ok(outcome.ok, JSON.stringify(outcome))
  return outcome.spec
}

const permitted = { permitted: true } as const
const refusedBy = { permitted: false, remedy: 'ask for it' } as const

const challenge = spec({})
const open = spec({
  acme: { authMode: 'TrustAuthenticated', registration: 'Open' },
  identifiers: { dns: { allowed: ['*.a.example'] } },
})
const networks = spec({
  acme: { authMode: 'TrustAuthenticated', clientNetworks: ['10.0.0.0/8'] },
  identifiers: { dns: { allowed: ['*.a.example'] } },
})

const issuer = (changes: Partial<ObservedIssuerRef>): ObservedIssuerRef => ({
  namespace: 'one',
  name: 'ca',
  id: 'i1',
  ready: true,
  handshake: permitted,
  ...changes,
})

function aProfile(changes: Partial<ObservedProfile> & { of?: CertificateProfileSpec }): ObservedProfile {
  const { of = challenge, ...observed } = changes
  return { namespace: 'one', spec: { ok: true, spec: of }, defaults, caps: {}, ...observed }
}

const invalid = { ok: false, reason: 'InvalidCIDR', errors: [{ path: ['spec'], message: 'is wrong' }] } as const

const served = { issuerId: 'i1', policy: compilePolicy(challenge, defaults), handshake: permitted }
const shutOut = { ...served, handshake: refusedBy }

type Row = readonly [
  what: string,
  observed: ObservedProfile,
  serve: 'serve' | 'suspend' | 'keep',
  ready: string,
  reason: string,
]

const rows: readonly Row[] = [
  ['a profile with its Issuer is served', aProfile({ issuer: issuer({}) }), 'serve', 'True', 'Ready'],
  [
    'an invalid profile keeps what is',
    aProfile({ spec: invalid, served, issuer: issuer({}) }),
    'keep',
    'False',
    'InvalidCIDR',
  ],
  ['a profile without its Issuer waits', aProfile({}), 'keep', 'False', 'IssuerNotFound'],
  [
    'an Issuer that is not ready is named',
    aProfile({ issuer: issuer({ ready: false }) }),
    'serve',
    'False',
    'IssuerNotReady',
  ],
  [
    'an Issuer that has no CA yet is waited for',
    aProfile({ issuer: { namespace: 'one', name: 'ca', ready: false, handshake: permitted } }),
    'keep',
    'False',
    'IssuerNotReady',
  ],
  [
    'an Issuer elsewhere must permit',
    aProfile({ issuer: issuer({ namespace: 'two', handshake: refusedBy }) }),
    'keep',
    'False',
    'NotPermitted',
  ],
  [
    'an Issuer elsewhere that permits',
    aProfile({ issuer: issuer({ namespace: 'two', handshake: permitted }) }),
    'serve',
    'True',
    'Ready',
  ],
  [
    'a permission that was taken back stops issuing',
    aProfile({ served, issuer: issuer({ namespace: 'two', handshake: refusedBy }) }),
    'suspend',
    'False',
    'NotPermitted',
  ],
  [
    'a permission that can not be read changes nothing',
    aProfile({ served, issuer: issuer({ namespace: 'two', ready: false, handshake: { permitted: 'unknown' } }) }),
    'keep',
    'False',
    'IssuerNotReady',
  ],
  [
    'an invalid profile that its Issuer shuts out stops issuing',
    aProfile({ spec: invalid, served: shutOut, issuer: issuer({}) }),
    'suspend',
    'False',
    'InvalidCIDR',
  ],
  [
    'a profile that names no Issuer any more is shut out all the same',
    aProfile({ served: shutOut }),
    'suspend',
    'False',
    'IssuerNotFound',
  ],
  [
    'a suspended profile is served suspended',
    aProfile({ of: spec({ suspend: true }), issuer: issuer({}) }),
    'suspend',
    'False',
    'Suspended',
  ],
]

for (const [what, observed, serve, status, reason] of rows) {
  test(what, () => {
    const plan = planProfile(observed)
    const served = plan.serve === undefined ? 'keep' : plan.serve.policy.suspended ? 'suspend' : 'serve'
    assert.equal(served, serve)
    const ready = plan.conditions.find(({ type }) => type === 'Ready')
    assert.deepEqual([ready?.status, ready?.reason], [status, reason])
  })
}

test('trust that is open to everybody is warned of, trust in networks is not', () => {
  const warns = (of: CertificateProfileSpec): boolean =>
    planProfile(aProfile({ of, issuer: issuer({}) })).conditions.some(({ type }) => type === 'Warning')
  assert.equal(warns(open), true)
  assert.equal(warns(networks), false)
  assert.equal(warns(challenge), false)
})

test('a policy says what the profile says, and what the server says where it is silent', () => {
  const policy = compilePolicy(
    spec({
      acme: {
        authMode: 'Challenge',
        orderLifetime: '2h',
        rateLimits: { newOrders: { limit: 5, window: '1m' }, pendingOrders: 7 },
        meta: { termsOfService: 'https://b.example/terms' },
      },
      validity: { default: '24h', max: '48h', backdate: '1m', clientNotAfter: 'Reject' },
      keyPolicy: { allowed: [{ algorithm: 'RSA', minBits: 3072 }, { algorithm: 'Ed25519' }] },
    }),
    defaults,
  )
  assert.equal(policy.orderLifetimeSeconds, 7200)
  assert.equal(policy.authorizationLifetimeSeconds, 200)
  assert.deepEqual(policy.rateLimits, { newOrders: { limit: 5, windowSeconds: 60 }, pendingOrders: 7 })
  assert.deepEqual(policy.meta, { website: 'https://a.example/', termsOfService: 'https://b.example/terms' })
  assert.deepEqual(policy.validity, {
    defaultSeconds: 86_400,
    maxSeconds: 172_800,
    backdateSeconds: 60,
    clientNotAfter: 'Reject',
  })
  assert.deepEqual(policy.keyPolicy, [{ algorithm: 'RSA', minBits: 3072 }, { algorithm: 'Ed25519' }])
  assert.deepEqual(policy.identifiers, {})
  assert.equal(policy.registration, 'Open')
  assert.deepEqual(JSON.parse(JSON.stringify(policy)), policy, 'the policy is plain JSON')
})

test('networks decide who may register', () => {
  const policy = compilePolicy(networks, defaults)
  assert.deepEqual([policy.registration, policy.clientNetworks], ['ClientNetworks', ['10.0.0.0/8']])
})

test('the hash of a policy survives the way through the database, which orders members anew', () => {
  const policy = compilePolicy(open, defaults)
  const reordered = Object.fromEntries(Object.entries(policy).toReversed()) as typeof policy
  assert.equal(policyHash(reordered), policyHash(policy))
  assert.notEqual(policyHash({ ...policy, suspended: true }), policyHash(policy))
})
