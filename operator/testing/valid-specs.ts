import type { InvalidSpec } from './invalid-specs.ts'
import { acme, allowing, challenge, object, selecting, selfSigned, subordinate } from './spec-text.ts'

/** Objects that must be accepted by both: what is allowed up to the last bit, and what is left out. */
export const validSpecs: readonly Pick<InvalidSpec, 'title' | 'kind' | 'object'>[] = [
  ...(
    [
      ['a SelfSigned of defaults', selfSigned()],
      ['nulls for what is left out', selfSigned('duration: null, pathLength: null, privateKey: null')],
      ['an RSA key', selfSigned('privateKey: {algorithm: RSA, bits: 4096, secretName: root.example}')],
      ['a name of 64 characters beyond U+FFFF', selfSigned().replace('X', '🔑'.repeat(64))],
      ['a duration of many parts', selfSigned('duration: 1h30m1.5s500ms')],
      ['constraints', selfSigned('nameConstraints: {permitted: {dns: [a.example, _b.example], ip: [fd00::/8]}}')],
      ['a CA brought along', '{type: CASecret, caSecret: {secretRef: {name: ca.example}}}'],
      ['a parent', subordinate('parentRef: {name: root}, pathLength: 0')],
      ['an external CA', subordinate('mode: External, signedCertificateSecretRef: {name: signed}')],
      ['a selector', selecting('{matchLabels: {team: web, example.com/stage: ""}}')],
      [
        'expressions',
        selecting('{matchExpressions: [{key: a/b, operator: NotIn, values: [x, y]}, {key: c, operator: Exists}]}'),
      ],
      [
        'ceilings',
        allowing(
          "namespaces: {from: All}, ceilings: {identifiers: {dns: {allowed: ['**.a.example']}}, authModes: [Challenge], validity: {max: 24h}}",
        ),
      ],
      ['ceilings of nothing', allowing('ceilings: {identifiers: {}, validity: {}}')],
    ] as const
  ).map(([title, spec]) => ({ title, kind: 'Issuer' as const, object: object('Issuer', spec) })),
  ...(
    [
      ['a profile of defaults', acme()],
      ['an Issuer elsewhere', acme().replace('name: a', 'name: a, namespace: b')],
      [
        'trust with networks',
        "{issuerRef: {name: a}, acme: {authMode: TrustAuthenticated, clientNetworks: [10.0.0.0/8]}, identifiers: {dns: {allowed: ['*.a.example']}}}",
      ],
      ['limits', acme('rateLimits: {newOrders: {limit: 1000000, window: 720h}, pendingOrders: 1}')],
      ['pages', acme('meta: {termsOfService: "https://pki.example/terms?v=1", website: "http://[fd00::1]:8080"}')],
      ['wildcards', challenge('identifiers: {dns: {wildcards: true, denied: [a.example]}}')],
      ['the longest validity', challenge('validity: {default: 87840h, max: 87840h, backdate: 0s}')],
      ['equal bounds', challenge('keyPolicy: {allowed: [{algorithm: RSA, minBits: 3072, maxBits: 3072}]}')],
      [
        'a ClusterIssuer',
        challenge(
          'certManager: {clusterIssuer: {enabled: true, name: web.example, solvers: [{http01: {ingress: {ingressClassName: nginx}}}]}}',
        ),
      ],
      ['a ClusterIssuer that is off', challenge('certManager: {clusterIssuer: {enabled: false}}')],
    ] as const
  ).map(([title, spec]) => ({
    title,
    kind: 'CertificateProfile' as const,
    object: object('CertificateProfile', spec),
  })),
]
