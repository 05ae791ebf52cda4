import { object, selfSigned, subordinate } from './spec-text.ts'

/** An Issuer that was there, and a change of it that nobody may make. */
export interface InvalidUpdate {
  readonly title: string
  readonly before: unknown
  readonly after: unknown
  readonly field: string
  readonly message: string
}

const external = 'mode: External, signedCertificateSecretRef: {name: s}'
const certificatePart = 'is fixed, as it is part of the CA certificate; restore it, or make another Issuer'
const keyPart = 'is fixed, as the key is made once; restore it, or make another Issuer'

const updateRows: readonly (readonly [title: string, before: string, after: string, field: string, message: string])[] =
  [
    [
      'another type',
      selfSigned(),
      '{type: CASecret, caSecret: {secretRef: {name: a}}}',
      'spec.type',
      'is fixed; restore it, or make another Issuer',
    ],
    ['another subject', selfSigned(), selfSigned().replace('X', 'Y'), 'spec.selfSigned.subject', certificatePart],
    [
      'a path length afterwards',
      selfSigned(),
      selfSigned('pathLength: 0'),
      'spec.selfSigned.pathLength',
      certificatePart,
    ],
    [
      'no path length any more',
      selfSigned('pathLength: 0'),
      selfSigned(),
      'spec.selfSigned.pathLength',
      certificatePart,
    ],
    [
      'other constraints',
      selfSigned('nameConstraints: {permitted: {dns: [a.example]}}'),
      selfSigned('nameConstraints: {permitted: {dns: [b.example]}}'),
      'spec.selfSigned.nameConstraints',
      certificatePart,
    ],
    [
      'another kind of key',
      selfSigned(),
      selfSigned('privateKey: {algorithm: Ed25519}'),
      'spec.selfSigned.privateKey.algorithm',
      keyPart,
    ],
    [
      'another curve than the one unless given',
      selfSigned(),
      selfSigned('privateKey: {curve: P-256}'),
      'spec.selfSigned.privateKey.curve',
      keyPart,
    ],
    [
      'more bits',
      selfSigned('privateKey: {algorithm: RSA}'),
      selfSigned('privateKey: {algorithm: RSA, bits: 4096}'),
      'spec.selfSigned.privateKey.bits',
      keyPart,
    ],
    [
      'another Secret for the key',
      selfSigned('privateKey: {secretName: a}'),
      selfSigned('privateKey: {secretName: b}'),
      'spec.selfSigned.privateKey.secretName',
      'is fixed, as the key lies there; restore it, or make another Issuer',
    ],
    [
      'another parent',
      subordinate('parentRef: {name: a}'),
      subordinate('parentRef: {name: b}'),
      'spec.subordinate.parentRef',
      'is fixed, as it has signed this CA; restore it, or make another Issuer',
    ],
    [
      'another mode',
      subordinate('parentRef: {name: a}'),
      subordinate(external),
      'spec.subordinate.mode',
      'is fixed; restore it, or make another Issuer',
    ],
  ]

/** Changes of Issuers that an API server with our CRDs must refuse. */
export const invalidUpdates: readonly InvalidUpdate[] = updateRows.map(([title, before, after, field, message]) => ({
  title,
  before: object('Issuer', before),
  after: object('Issuer', after),
  field,
  message,
}))

/** Changes that it must let through: of what holds for the next certificate, and of words only. */
export const validUpdates: readonly Pick<InvalidUpdate, 'title' | 'before' | 'after'>[] = (
  [
    ['a longer duration', selfSigned(), selfSigned('duration: 100000h')],
    ['the curve in words', selfSigned(), selfSigned('privateKey: {curve: P-384}')],
    [
      'the bits in words',
      selfSigned('privateKey: {algorithm: RSA}'),
      selfSigned('privateKey: {algorithm: RSA, bits: 3072}'),
    ],
    [
      'another certificate from elsewhere',
      subordinate(external),
      subordinate(external.replace('{name: s}', '{name: t}')),
    ],
    [
      'another CA in a Secret',
      '{type: CASecret, caSecret: {secretRef: {name: a}}}',
      '{type: CASecret, caSecret: {secretRef: {name: b}}}',
    ],
  ] as const
).map(([title, before, after]) => ({ title, before: object('Issuer', before), after: object('Issuer', after) }))
