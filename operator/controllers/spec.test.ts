import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { fieldPath } from '../api/check.ts'
import { readIssuerSpec } from './issuer/spec.ts'
import { readProfileSpec } from './profile/spec.ts'

const issuer = (spec: string): unknown =>
  parse(`{apiVersion: certctl.io/v1alpha1, kind: Issuer, metadata: {name: a}, spec: ${spec}}`)
const profile = (spec: string): unknown =>
  parse(`{apiVersion: certctl.io/v1alpha1, kind: CertificateProfile, metadata: {name: a}, spec: ${spec}}`)

/** A spec of a self-signed CA with more members of `selfSigned`. */
const selfSigned = (members: string): string => `{type: SelfSigned, selfSigned: {subject: {commonName: X}, ${members}}}`
const subordinate = (members: string): string =>
  `{type: Subordinate, subordinate: {subject: {commonName: X}, ${members}}}`
/** A spec of a profile in Challenge mode with more members. */
const challenge = (members: string): string => `{issuerRef: {name: a}, acme: {authMode: Challenge}, ${members}}`
const acme = (members: string): string => `{issuerRef: {name: a}, acme: {authMode: Challenge, ${members}}}`

type Row = readonly [what: string, spec: string, field: string, words: RegExp]

const badIssuers: readonly Row[] = [
  ['nothing', 'null', 'spec', /must be an object, not empty/],
  ['no type', '{}', 'spec.type', /write SelfSigned or CASecret or Subordinate/],
  ['an unknown type', '{type: ACME}', 'spec.type', /"ACME"; write SelfSigned or/],
  ['a type without its member', '{type: SelfSigned}', 'spec.selfSigned', /exactly when type is SelfSigned/],
  [
    'a member of another type',
    selfSigned('').replace('type: SelfSigned', 'type: CASecret'),
    'spec.selfSigned',
    /exactly when/,
  ],
  [
    'a misspelt field',
    '{type: CASecret, casecret: {secretRef: {name: a}}}',
    'spec.casecret',
    /did you mean caSecret\?/,
  ],
  ['no subject', '{type: SelfSigned, selfSigned: {}}', 'spec.selfSigned.subject', /is missing; add it/],
  [
    'an empty name',
    '{type: SelfSigned, selfSigned: {subject: {commonName: ""}}}',
    'spec.selfSigned.subject.commonName',
    /at least 1 characters/,
  ],
  [
    'a name of 65 characters',
    `{type: SelfSigned, selfSigned: {subject: {commonName: ${'x'.repeat(65)}}}}`,
    'spec.selfSigned.subject.commonName',
    /at most 64/,
  ],
  [
    'a country in words',
    selfSigned('').replace('X', 'X, country: [Germany]'),
    'spec.selfSigned.subject.country[0]',
    /two capital letters/,
  ],
  ['a duration in days', selfSigned('duration: 3650d'), 'spec.selfSigned.duration', /2160h/],
  ['a duration too short', selfSigned('duration: 5m'), 'spec.selfSigned.duration', /from 1h to/],
  ['a number for a duration', selfSigned('duration: 5'), 'spec.selfSigned.duration', /must be a string, not a number/],
  [
    'an unknown algorithm',
    selfSigned('privateKey: {algorithm: DSA}'),
    'spec.selfSigned.privateKey.algorithm',
    /ECDSA or RSA or Ed25519/,
  ],
  [
    'an RSA key too small',
    selfSigned('privateKey: {algorithm: RSA, bits: 1024}'),
    'spec.selfSigned.privateKey.bits',
    /2048 or 3072 or 4096/,
  ],
  [
    'a curve for RSA',
    selfSigned('privateKey: {algorithm: RSA, curve: P-256}'),
    'spec.selfSigned.privateKey.curve',
    /leave it out or set algorithm: ECDSA/,
  ],
  ['bits for ECDSA', selfSigned('privateKey: {bits: 2048}'), 'spec.selfSigned.privateKey.bits', /algorithm: RSA/],
  ['a path length below 0', selfSigned('pathLength: -1'), 'spec.selfSigned.pathLength', /at least 0/],
  ['a path length of half', selfSigned('pathLength: 0.5'), 'spec.selfSigned.pathLength', /whole number/],
  [
    'a wildcard as constraint',
    selfSigned("nameConstraints: {permitted: {dns: ['*.a.example']}}"),
    'spec.selfSigned.nameConstraints.permitted.dns[0]',
    /example\.com, which covers/,
  ],
  [
    'a constraint that is no network',
    selfSigned('nameConstraints: {excluded: {ip: [10.0.0.0/33]}}'),
    'spec.selfSigned.nameConstraints.excluded.ip[0]',
    /10\.0\.0\.0\/8/,
  ],
  [
    'a Secret without a name',
    '{type: CASecret, caSecret: {secretRef: {}}}',
    'spec.caSecret.secretRef.name',
    /is missing/,
  ],
  [
    'a Secret as text',
    '{type: CASecret, caSecret: {secretRef: ca}}',
    'spec.caSecret.secretRef',
    /must be an object, not a string/,
  ],
  ['no parent', subordinate(''), 'spec.subordinate.parentRef', /is missing/],
  [
    'a parent in another mode',
    subordinate('parentRef: {name: a}, mode: External'),
    'spec.subordinate.parentRef',
    /belongs to mode: Parent/,
  ],
  [
    'a parent elsewhere',
    subordinate('parentRef: {name: a, namespace: b}'),
    'spec.subordinate.parentRef.namespace',
    /not a field/,
  ],
  [
    'a selector that is not there',
    '{type: CASecret, caSecret: {secretRef: {name: a}}, allowedProfiles: {namespaces: {from: Selector}}}',
    'spec.allowedProfiles.namespaces.selector',
    /say which namespaces/,
  ],
  [
    'suspend in words',
    '{type: CASecret, caSecret: {secretRef: {name: a}}, suspend: "yes"}',
    'spec.suspend',
    /must be a boolean, not a string/,
  ],
]

const badProfiles: readonly Row[] = [
  ['no issuerRef', '{acme: {authMode: Challenge}}', 'spec.issuerRef', /is missing/],
  ['no acme', '{issuerRef: {name: a}}', 'spec.acme', /is missing/],
  ['no authMode', '{issuerRef: {name: a}, acme: {}}', 'spec.acme.authMode', /TrustAuthenticated or Challenge/],
  [
    'trust without who',
    '{issuerRef: {name: a}, acme: {authMode: TrustAuthenticated}, identifiers: {dns: {allowed: [a.example]}}}',
    'spec.acme.authMode',
    /clientNetworks, or registration: Open/,
  ],
  [
    'trust without what',
    '{issuerRef: {name: a}, acme: {authMode: TrustAuthenticated, registration: Open}}',
    'spec.identifiers',
    /add dns\.allowed/,
  ],
  ['Open and networks', acme('registration: Open, clientNetworks: [10.0.0.0/8]'), 'spec.acme.registration', /keep one/],
  ['no network at all', acme('clientNetworks: []'), 'spec.acme.clientNetworks', /let nobody in/],
  [
    'a network with host bits',
    acme('clientNetworks: [10.1.2.3/8]'),
    'spec.acme.clientNetworks[0]',
    /write 10\.0\.0\.0\/8/,
  ],
  [
    'an address for a network',
    acme('validation: {allowedNetworks: [10.0.0.1]}'),
    'spec.acme.validation.allowedNetworks[0]',
    /10\.0\.0\.0\/8/,
  ],
  [
    'a challenge of the future',
    acme('challengeTypes: [dns-account-01]'),
    'spec.acme.challengeTypes[0]',
    /http-01 or dns-01 or tls-alpn-01/,
  ],
  ['no challenge', acme('challengeTypes: []'), 'spec.acme.challengeTypes', /at least 1 items/],
  [
    'a binding that does not exist yet',
    acme('externalAccountBinding: {required: true}'),
    'spec.acme.externalAccountBinding',
    /not a field/,
  ],
  [
    'a limit without window',
    acme('rateLimits: {newOrders: {limit: 5}}'),
    'spec.acme.rateLimits.newOrders.window',
    /is missing/,
  ],
  ['a limit of nothing', acme('rateLimits: {pendingOrders: 0}'), 'spec.acme.rateLimits.pendingOrders', /at least 1/],
  [
    'a resolver by name',
    acme('validation: {resolvers: [dns.example]}'),
    'spec.acme.validation.resolvers[0]',
    /10\.0\.0\.10:53/,
  ],
  [
    'terms that are no URL',
    acme('meta: {termsOfService: terms}'),
    'spec.acme.meta.termsOfService',
    /http or https URL/,
  ],
  [
    'a pattern with capitals',
    challenge("identifiers: {dns: {allowed: ['*.Example.com']}}"),
    'spec.identifiers.dns.allowed[0]',
    /small letters/,
  ],
  [
    'a star in the middle',
    challenge("identifiers: {dns: {allowed: ['a.*.example']}}"),
    'spec.identifiers.dns.allowed[0]',
    /\*\*\.example\.com/,
  ],
  [
    'a star alone',
    challenge("identifiers: {dns: {allowed: ['*']}}"),
    'spec.identifiers.dns.allowed[0]',
    /name pattern/,
  ],
  [
    'wildcards without dns-01',
    '{issuerRef: {name: a}, acme: {authMode: Challenge, challengeTypes: [http-01]}, identifiers: {dns: {wildcards: true}}}',
    'spec.identifiers',
    /dns-01/,
  ],
  [
    'a default beyond the maximum',
    challenge('validity: {default: 48h, max: 24h}'),
    'spec.validity.default',
    /raise max/,
  ],
  ['a validity of seconds', challenge('validity: {default: 30s, max: 24h}'), 'spec.validity.default', /from 1m/],
  ['no key', challenge('keyPolicy: {allowed: []}'), 'spec.keyPolicy.allowed', /at least 1/],
  [
    'weak RSA',
    challenge('keyPolicy: {allowed: [{algorithm: RSA, minBits: 1024}]}'),
    'spec.keyPolicy.allowed[0].minBits',
    /at least 2048/,
  ],
  [
    'bounds the wrong way round',
    challenge('keyPolicy: {allowed: [{algorithm: RSA, minBits: 4096, maxBits: 2048}]}'),
    'spec.keyPolicy.allowed[0].minBits',
    /raise maxBits/,
  ],
  [
    'curves of RSA',
    challenge('keyPolicy: {allowed: [{algorithm: RSA, curves: [P-256]}]}'),
    'spec.keyPolicy.allowed[0].curves',
    /ECDSA/,
  ],
  ['a CA usage', challenge('usages: {key: [keyCertSign]}'), 'spec.usages.key[0]', /digitalSignature or/],
  [
    'any extended usage',
    challenge('usages: {extended: [anyExtendedKeyUsage]}'),
    'spec.usages.extended[0]',
    /serverAuth or/,
  ],
  [
    'a subject from the request',
    challenge('subject: {commonName: AllowFromCSR}'),
    'spec.subject.commonName',
    /Forbid or FromFirstDNS/,
  ],
  ['a typo', challenge('vailidity: {}'), 'spec.vailidity', /did you mean validity\?/],
]

function errorsOf(outcome: ReturnType<typeof readIssuerSpec> | ReturnType<typeof readProfileSpec>): string[] {
  assert.equal(outcome.ok, false, 'the spec was accepted')
  return outcome.ok ? [] : outcome.errors.map(({ path, message }) => `${fieldPath(path)} ${message}`)
}

function assertReported(errors: readonly string[], field: string, words: RegExp): void {
  const found = errors.some((error) => error.startsWith(`${field} `) && words.test(error))
  assert.ok(found, `not reported at ${field}:\n${errors.join('\n')}`)
}

for (const [what, spec, field, words] of badIssuers) {
  test(`an Issuer with ${what} is refused with a remedy`, () => {
    assertReported(errorsOf(readIssuerSpec(issuer(spec))), field, words)
  })
}

for (const [what, spec, field, words] of badProfiles) {
  test(`a CertificateProfile with ${what} is refused with a remedy`, () => {
    assertReported(errorsOf(readProfileSpec(profile(spec))), field, words)
  })
}

test('all mistakes of a spec are reported at once', () => {
  const spec = '{type: SelfSigned, selfsigned: {}, subordinate: {mode: X, duration: y, privateKey: {bits: 1}}}'
  assert.ok(errorsOf(readIssuerSpec(issuer(spec))).length >= 7)
})

test('whatever YAML may hold, reading a spec never throws', () => {
  for (const content of [
    null,
    5,
    'x',
    [],
    {},
    { spec: [] },
    { spec: { acme: [], type: {} } },
    { spec: { selfSigned: [1] } },
  ]) {
    assert.equal(readIssuerSpec(content).ok, false)
    assert.equal(readProfileSpec(content).ok, false)
  }
})
