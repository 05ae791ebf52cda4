import { parse } from 'yaml'

/** An object that nobody may have, and what its author must read. */
export interface InvalidSpec {
  /** What is wrong with it: "an Issuer with …". */
  readonly title: string
  readonly kind: 'Issuer' | 'CertificateProfile'
  readonly object: unknown
  /** The field that is blamed. */
  readonly field: string
  /** What is said about it, in part. */
  readonly message: string
  /**
   * What an API server says about it where it has words of its own; undefined where it says the message.
   * False: it accepts the object, and the operator says the message in the condition Accepted.
   */
  readonly apiServer?: string | false
}

/** An object that was there, and a change of it that nobody may make. */
export interface InvalidUpdate {
  readonly title: string
  readonly kind: 'Issuer'
  readonly before: unknown
  readonly after: unknown
  readonly field: string
  readonly message: string
}

function object(kind: InvalidSpec['kind'], spec: string, name = 'a'): unknown {
  return { apiVersion: 'certctl.io/v1alpha1', kind, metadata: { name }, spec: parse(spec) as unknown }
}

type Row = readonly [title: string, spec: string, field: string, message: string, apiServer?: string | false]

function row(kind: InvalidSpec['kind'], [title, spec, field, message, apiServer]: Row): InvalidSpec {
  return { title, kind, object: object(kind, spec), field, message, ...(apiServer !== undefined && { apiServer }) }
}

/** A spec of a self-signed CA with more members of `selfSigned`. */
const selfSigned = (members: string): string => `{type: SelfSigned, selfSigned: {subject: {commonName: X}, ${members}}}`
const subordinate = (members: string): string =>
  `{type: Subordinate, subordinate: {subject: {commonName: X}, ${members}}}`
const allowing = (members: string): string =>
  `{type: CASecret, caSecret: {secretRef: {name: a}}, allowedProfiles: {${members}}}`
const selecting = (selector: string): string => allowing(`namespaces: {from: Selector, selector: ${selector}}`)
/** A spec of a profile in Challenge mode with more members. */
const challenge = (members: string): string => `{issuerRef: {name: a}, acme: {authMode: Challenge}, ${members}}`
const acme = (members: string): string => `{issuerRef: {name: a}, acme: {authMode: Challenge, ${members}}}`

const required = 'Required value'
const unsupported = 'Unsupported value'
const tooLong = 'Too long'
const accepted = false

const issuerRows: readonly Row[] = [
  ['nothing', 'null', 'spec', 'must be an object, not empty', required],
  ['no type', '{}', 'spec.type', 'write SelfSigned or CASecret or Subordinate', required],
  ['an unknown type', '{type: ACME}', 'spec.type', '"ACME"; write SelfSigned or', unsupported],
  [
    'a type without its member',
    '{type: SelfSigned}',
    'spec.selfSigned',
    'must be there exactly when type is SelfSigned',
  ],
  [
    'a member of another type',
    selfSigned('').replace('type: SelfSigned', 'type: CASecret'),
    'spec.selfSigned',
    'must be there exactly when type is SelfSigned',
  ],
  [
    'a misspelt field',
    '{type: CASecret, casecret: {secretRef: {name: a}}}',
    'spec.casecret',
    'did you mean caSecret?',
    'unknown field',
  ],
  ['no subject', '{type: SelfSigned, selfSigned: {}}', 'spec.selfSigned.subject', 'is missing; add it', required],
  [
    'an empty name',
    '{type: SelfSigned, selfSigned: {subject: {commonName: ""}}}',
    'spec.selfSigned.subject.commonName',
    'at least 1 characters',
    'should be at least 1 chars long',
  ],
  [
    'a name of 65 characters',
    `{type: SelfSigned, selfSigned: {subject: {commonName: ${'x'.repeat(65)}}}}`,
    'spec.selfSigned.subject.commonName',
    'at most 64',
    tooLong,
  ],
  [
    'a country in words',
    selfSigned('').replace('X', 'X, country: [de]'),
    'spec.selfSigned.subject.country[0]',
    'is not a country; write two capital letters such as DE',
  ],
  [
    'a duration in days',
    selfSigned('duration: 3650d'),
    'spec.selfSigned.duration',
    'is not a duration; write for example 90s, 5m or 2160h',
  ],
  ['a duration too short', selfSigned('duration: 5m'), 'spec.selfSigned.duration', 'must be from 1h to 876000h'],
  [
    'a duration beyond all bounds',
    selfSigned('duration: 99999999999h'),
    'spec.selfSigned.duration',
    'must be from 1h to 876000h',
  ],
  [
    'a number for a duration',
    selfSigned('duration: 5'),
    'spec.selfSigned.duration',
    'must be a string, not a number',
    'must be of type string',
  ],
  [
    'an unknown algorithm',
    selfSigned('privateKey: {algorithm: DSA}'),
    'spec.selfSigned.privateKey.algorithm',
    'write ECDSA or RSA or Ed25519',
    unsupported,
  ],
  [
    'an RSA key too small',
    selfSigned('privateKey: {algorithm: RSA, bits: 1024}'),
    'spec.selfSigned.privateKey.bits',
    'write 2048 or 3072 or 4096',
    unsupported,
  ],
  [
    'a curve for RSA',
    selfSigned('privateKey: {algorithm: RSA, curve: P-256}'),
    'spec.selfSigned.privateKey.curve',
    'belongs to ECDSA keys; leave it out or set algorithm: ECDSA',
  ],
  [
    'bits for ECDSA',
    selfSigned('privateKey: {bits: 2048}'),
    'spec.selfSigned.privateKey.bits',
    'belongs to RSA keys; leave it out or set algorithm: RSA',
  ],
  [
    'a Secret for the key that can not exist',
    selfSigned('privateKey: {secretName: CA_Key}'),
    'spec.selfSigned.privateKey.secretName',
    'is not a name of Kubernetes; use small letters, digits, hyphens and dots',
  ],
  ['a path length below 0', selfSigned('pathLength: -1'), 'spec.selfSigned.pathLength', 'at least 0', 'equal to 0'],
  [
    'a path length of half',
    selfSigned('pathLength: 0.5'),
    'spec.selfSigned.pathLength',
    'whole number',
    'must be of type integer',
  ],
  [
    'a wildcard as constraint',
    selfSigned("nameConstraints: {permitted: {dns: ['*.a.example']}}"),
    'spec.selfSigned.nameConstraints.permitted.dns[0]',
    'is not a domain; write example.com, which covers all below it too',
  ],
  [
    'a constraint that is a bare address',
    selfSigned('nameConstraints: {permitted: {ip: [10.0.0.1]}}'),
    'spec.selfSigned.nameConstraints.permitted.ip[0]',
    'is not a network; write for example 10.0.0.0/8 or fd00::/8',
  ],
  [
    'a constraint that is no network',
    selfSigned('nameConstraints: {excluded: {ip: [10.0.0.0/33]}}'),
    'spec.selfSigned.nameConstraints.excluded.ip[0]',
    'write a network such as 10.0.0.0/8',
    accepted,
  ],
  [
    'a Secret without a name',
    '{type: CASecret, caSecret: {secretRef: {}}}',
    'spec.caSecret.secretRef.name',
    'is missing; add it',
    required,
  ],
  [
    'a Secret as text',
    '{type: CASecret, caSecret: {secretRef: ca}}',
    'spec.caSecret.secretRef',
    'must be an object, not a string',
    'must be of type object',
  ],
  [
    'no parent',
    subordinate(''),
    'spec.subordinate.parentRef',
    'is missing; name the Issuer that signs this one, or set mode: External',
  ],
  [
    'a parent in mode External',
    subordinate('mode: External, parentRef: {name: a}, signedCertificateSecretRef: {name: a}'),
    'spec.subordinate.parentRef',
    'belongs to mode: Parent; leave it out or set that mode',
  ],
  [
    'no place for a certificate from elsewhere',
    subordinate('mode: External'),
    'spec.subordinate.signedCertificateSecretRef',
    'is missing; name the Secret that the signed certificate will be put in, or set mode: Parent',
  ],
  [
    'a certificate from elsewhere and a parent',
    subordinate('parentRef: {name: a}, signedCertificateSecretRef: {name: a}'),
    'spec.subordinate.signedCertificateSecretRef',
    'belongs to mode: External; leave it out or set that mode',
  ],
  [
    'an impossible key in a Secret',
    subordinate('mode: External, signedCertificateSecretRef: {name: a, key: tls crt}'),
    'spec.subordinate.signedCertificateSecretRef.key',
    'is not a key of a Secret; use letters, digits, hyphens, underscores and dots',
  ],
  [
    'an unknown mode',
    subordinate('mode: Friend, parentRef: {name: a}'),
    'spec.subordinate.mode',
    'write Parent or External',
    unsupported,
  ],
  [
    'a parent elsewhere',
    subordinate('parentRef: {name: a, namespace: b}'),
    'spec.subordinate.parentRef.namespace',
    'is not a field',
    'unknown field',
  ],
  [
    'a parent that can not exist',
    subordinate('parentRef: {name: a.b}'),
    'spec.subordinate.parentRef.name',
    'is not a DNS label; use small letters, digits and hyphens',
  ],
  [
    'an unknown choice of namespaces',
    allowing('namespaces: {from: Some}'),
    'spec.allowedProfiles.namespaces.from',
    'write Same or Selector or All',
    unsupported,
  ],
  [
    'a choice by labels that names none',
    allowing('namespaces: {from: Selector}'),
    'spec.allowedProfiles.namespaces.selector',
    'is missing; say which namespaces, for example matchLabels: {team: web}',
  ],
  [
    'labels that are not asked for',
    allowing('namespaces: {from: All, selector: {matchLabels: {team: web}}}'),
    'spec.allowedProfiles.namespaces.selector',
    'belongs to from: Selector; leave it out or write that',
  ],
  [
    'a selector of everything',
    selecting('{matchLabels: {}}'),
    'spec.allowedProfiles.namespaces.selector',
    'asks for nothing and would select everything; name a label, or write from: All',
  ],
  [
    'a label that can not have such a value',
    selecting('{matchLabels: {example.com/team: "web team"}}'),
    'spec.allowedProfiles.namespaces.selector.matchLabels[example.com/team]',
    'is not the value of a label; use letters, digits, hyphens, underscores and dots',
  ],
  [
    'a label that can not have such a key',
    selecting('{matchLabels: {"my team": web}}'),
    'spec.allowedProfiles.namespaces.selector.matchLabels[my team]',
    'is not the key of a label; write for example team or example.com/team',
    accepted,
  ],
  [
    'an expression on an impossible key',
    selecting('{matchExpressions: [{key: "my team", operator: Exists}]}'),
    'spec.allowedProfiles.namespaces.selector.matchExpressions[0].key',
    'is not the key of a label; write for example team or example.com/team',
  ],
  [
    'an expression that compares with nothing',
    selecting('{matchExpressions: [{key: team, operator: In}]}'),
    'spec.allowedProfiles.namespaces.selector.matchExpressions[0].values',
    'must be there exactly when operator is In or NotIn',
  ],
  [
    'an expression that compares existence',
    selecting('{matchExpressions: [{key: team, operator: Exists, values: [a]}]}'),
    'spec.allowedProfiles.namespaces.selector.matchExpressions[0].values',
    'must be there exactly when operator is In or NotIn',
  ],
  [
    'an unknown operator',
    selecting('{matchExpressions: [{key: team, operator: Like, values: [a]}]}'),
    'spec.allowedProfiles.namespaces.selector.matchExpressions[0].operator',
    'write In or NotIn or Exists or DoesNotExist',
    unsupported,
  ],
  [
    'a ceiling that lets no name through',
    allowing('ceilings: {identifiers: {dns: {allowed: []}}}'),
    'spec.allowedProfiles.ceilings.identifiers.dns.allowed',
    'at least 1 items',
    'should have at least 1 items',
  ],
  [
    'a ceiling that is no name pattern',
    allowing("ceilings: {identifiers: {dns: {allowed: ['*']}}}"),
    'spec.allowedProfiles.ceilings.identifiers.dns.allowed[0]',
    'is not a name pattern; write example.com, *.example.com or **.example.com in small letters',
  ],
  [
    'a ceiling that names a mode twice',
    allowing('ceilings: {authModes: [Challenge, Challenge]}'),
    'spec.allowedProfiles.ceilings.authModes[1]',
    'is Challenge again; name it once',
    'Duplicate value',
  ],
  [
    'a ceiling of seconds',
    allowing('ceilings: {validity: {max: 5s}}'),
    'spec.allowedProfiles.ceilings.validity.max',
    'must be from 1m to 87840h',
  ],
  [
    'suspend in words',
    '{type: CASecret, caSecret: {secretRef: {name: a}}, suspend: "yes"}',
    'spec.suspend',
    'must be a boolean, not a string',
    'must be of type boolean',
  ],
]

const profileRows: readonly Row[] = [
  ['no issuerRef', '{acme: {authMode: Challenge}}', 'spec.issuerRef', 'is missing; add it', required],
  ['no acme', '{issuerRef: {name: a}}', 'spec.acme', 'is missing; add it', required],
  [
    'no authMode',
    '{issuerRef: {name: a}, acme: {}}',
    'spec.acme.authMode',
    'TrustAuthenticated or Challenge',
    required,
  ],
  [
    'an Issuer that can not exist',
    acme('').replace('name: a', 'name: Internal CA'),
    'spec.issuerRef.name',
    'is not a DNS label; use small letters, digits and hyphens',
  ],
  [
    'trust without who',
    '{issuerRef: {name: a}, acme: {authMode: TrustAuthenticated}, identifiers: {dns: {allowed: [a.example]}}}',
    'spec.acme.authMode',
    'TrustAuthenticated gives names to whoever can register; say who: add clientNetworks, or registration: Open',
  ],
  [
    'trust without what',
    '{issuerRef: {name: a}, acme: {authMode: TrustAuthenticated, registration: Open}}',
    'spec.identifiers',
    'TrustAuthenticated needs names to trust accounts with; add dns.allowed, for example ["*.example.com"]',
  ],
  [
    'Open and networks',
    acme('registration: Open, clientNetworks: [10.0.0.0/8]'),
    'spec.acme.registration',
    'Open lets every address in and clientNetworks does not; keep one of the two',
  ],
  [
    'no network at all',
    acme('clientNetworks: []'),
    'spec.acme.clientNetworks',
    'an empty list would let nobody in; name a network or leave the field out',
  ],
  [
    'a name for a network',
    acme('clientNetworks: [office]'),
    'spec.acme.clientNetworks[0]',
    'is not a network; write for example 10.0.0.0/8 or fd00::/8',
  ],
  [
    'a network with host bits',
    acme('clientNetworks: [10.1.2.3/8]'),
    'spec.acme.clientNetworks[0]',
    'has bits beyond its prefix; write 10.0.0.0/8',
    accepted,
  ],
  [
    'an address for a network',
    acme('validation: {allowedNetworks: [10.0.0.1]}'),
    'spec.acme.validation.allowedNetworks[0]',
    'is not a network; write for example 10.0.0.0/8 or fd00::/8',
  ],
  [
    'a challenge of the future',
    acme('challengeTypes: [dns-account-01]'),
    'spec.acme.challengeTypes[0]',
    'http-01 or dns-01 or tls-alpn-01',
    unsupported,
  ],
  [
    'a challenge named twice',
    acme('challengeTypes: [dns-01, http-01, dns-01]'),
    'spec.acme.challengeTypes[2]',
    'is dns-01 again; name it once',
    'Duplicate value',
  ],
  ['no challenge', acme('challengeTypes: []'), 'spec.acme.challengeTypes', 'at least 1 items', 'at least 1 items'],
  [
    'a binding that does not exist yet',
    acme('externalAccountBinding: {required: true}'),
    'spec.acme.externalAccountBinding',
    'is not a field',
    'unknown field',
  ],
  [
    'a lifetime in days',
    acme('orderLifetime: 2d'),
    'spec.acme.orderLifetime',
    'is not a duration; write for example 90s, 5m or 2160h',
  ],
  [
    'a lifetime of nothing',
    acme('authorizationLifetime: 0s'),
    'spec.acme.authorizationLifetime',
    'must be from 1m to 8760h',
  ],
  [
    'a limit without window',
    acme('rateLimits: {newOrders: {limit: 5}}'),
    'spec.acme.rateLimits.newOrders.window',
    'is missing; add it',
    required,
  ],
  [
    'a limit over years',
    acme('rateLimits: {newOrders: {limit: 5, window: 17520h}}'),
    'spec.acme.rateLimits.newOrders.window',
    'must be from 1s to 720h',
  ],
  [
    'a limit of nothing',
    acme('rateLimits: {pendingOrders: 0}'),
    'spec.acme.rateLimits.pendingOrders',
    'at least 1',
    'equal to 1',
  ],
  [
    'a resolver by name',
    acme('validation: {resolvers: [dns.example]}'),
    'spec.acme.validation.resolvers[0]',
    'is not a DNS server; write 10.0.0.10:53 or [fd00::10]:53',
  ],
  [
    'terms that are no URL',
    acme('meta: {termsOfService: terms}'),
    'spec.acme.meta.termsOfService',
    'is not an http or https URL; write for example https://pki.example.com/terms',
  ],
  [
    'a website of another scheme',
    acme('meta: {website: "ftp://pki.example.com/"}'),
    'spec.acme.meta.website',
    'is not an http or https URL',
  ],
  [
    'a pattern with capitals',
    challenge("identifiers: {dns: {allowed: ['*.Example.com']}}"),
    'spec.identifiers.dns.allowed[0]',
    'is not a name pattern; write example.com, *.example.com or **.example.com in small letters',
  ],
  [
    'a star in the middle',
    challenge("identifiers: {dns: {allowed: ['a.*.example']}}"),
    'spec.identifiers.dns.allowed[0]',
    'is not a name pattern',
  ],
  [
    'a star alone',
    challenge("identifiers: {dns: {denied: ['*']}}"),
    'spec.identifiers.dns.denied[0]',
    'is not a name pattern',
  ],
  [
    'too many names in a certificate',
    challenge('identifiers: {dns: {max: 101}}'),
    'spec.identifiers.dns.max',
    'at most 100',
    'less than or equal to 100',
  ],
  [
    'wildcards without dns-01',
    '{issuerRef: {name: a}, acme: {authMode: Challenge, challengeTypes: [http-01]}, identifiers: {dns: {wildcards: true}}}',
    'spec.identifiers',
    'wildcards can only be proven by dns-01; add it to acme.challengeTypes or set wildcards: false',
  ],
  [
    'a default beyond the maximum',
    challenge('validity: {default: 48h, max: 24h}'),
    'spec.validity.default',
    'is longer than max; shorten it or raise max',
  ],
  [
    'a maximum below what is the default',
    challenge('validity: {max: 24h}'),
    'spec.validity.default',
    'is longer than max; shorten it or raise max',
  ],
  [
    'a validity of seconds',
    challenge('validity: {default: 30s}'),
    'spec.validity.default',
    'must be from 1m to 87840h',
  ],
  ['no key', challenge('keyPolicy: {allowed: []}'), 'spec.keyPolicy.allowed', 'at least 1', 'at least 1'],
  [
    'weak RSA',
    challenge('keyPolicy: {allowed: [{algorithm: RSA, minBits: 1024}]}'),
    'spec.keyPolicy.allowed[0].minBits',
    'at least 2048',
    'equal to 2048',
  ],
  [
    'bounds the wrong way round',
    challenge('keyPolicy: {allowed: [{algorithm: RSA, minBits: 4096, maxBits: 2048}]}'),
    'spec.keyPolicy.allowed[0].minBits',
    'is larger than maxBits; lower it or raise maxBits',
  ],
  [
    'bits of ECDSA',
    challenge('keyPolicy: {allowed: [{algorithm: ECDSA, maxBits: 4096}]}'),
    'spec.keyPolicy.allowed[0]',
    'minBits and maxBits belong to RSA keys; leave them out or set algorithm: RSA',
  ],
  [
    'curves of RSA',
    challenge('keyPolicy: {allowed: [{algorithm: RSA, curves: [P-256]}]}'),
    'spec.keyPolicy.allowed[0].curves',
    'belongs to ECDSA keys; leave it out or set algorithm: ECDSA',
  ],
  ['a CA usage', challenge('usages: {key: [keyCertSign]}'), 'spec.usages.key[0]', 'digitalSignature or', unsupported],
  [
    'any extended usage',
    challenge('usages: {extended: [anyExtendedKeyUsage]}'),
    'spec.usages.extended[0]',
    'serverAuth or',
    unsupported,
  ],
  [
    'a subject from the request',
    challenge('subject: {commonName: AllowFromCSR}'),
    'spec.subject.commonName',
    'Forbid or FromFirstDNS',
    unsupported,
  ],
  [
    'a ClusterIssuer that can not exist',
    challenge('certManager: {clusterIssuer: {name: My Issuer}}'),
    'spec.certManager.clusterIssuer.name',
    'is not a name of Kubernetes; use small letters, digits, hyphens and dots',
  ],
  [
    'a ClusterIssuer that could prove nothing',
    challenge('certManager: {clusterIssuer: {enabled: true}}'),
    'spec.certManager',
    'Challenge mode needs a solver in clusterIssuer; add solvers, for example',
  ],
  [
    'a solver in words',
    challenge('certManager: {clusterIssuer: {solvers: [http01]}}'),
    'spec.certManager.clusterIssuer.solvers[0]',
    'must be an object, not a string',
    'must be of type object',
  ],
  ['a typo', challenge('vailidity: {}'), 'spec.vailidity', 'did you mean validity?', 'unknown field'],
]

/** Objects that must be refused, by the schemas here and by an API server that has our CRDs. */
export const invalidSpecs: readonly InvalidSpec[] = [
  ...issuerRows.map((one) => row('Issuer', one)),
  ...profileRows.map((one) => row('CertificateProfile', one)),
  {
    title: 'a dot in its name',
    kind: 'Issuer',
    object: object('Issuer', selfSigned(''), 'a.b'),
    field: 'metadata.name',
    message: 'is not a DNS label; use small letters, digits and hyphens',
  },
  {
    title: 'a name of 64 characters',
    kind: 'CertificateProfile',
    object: object('CertificateProfile', acme(''), 'a'.repeat(64)),
    field: 'metadata.name',
    message: 'must have at most 63 characters',
  },
]

/** Objects that must be accepted by both: what is allowed up to the last bit, and what is left out. */
export const validSpecs: readonly Pick<InvalidSpec, 'title' | 'kind' | 'object'>[] = [
  ...(
    [
      ['a SelfSigned of defaults', selfSigned('')],
      ['nulls for what is left out', selfSigned('duration: null, pathLength: null, privateKey: null')],
      ['an RSA key', selfSigned('privateKey: {algorithm: RSA, bits: 4096, secretName: root.example}')],
      ['a name of 64 characters beyond U+FFFF', selfSigned('').replace('X', '🔑'.repeat(64))],
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
      ['a profile of defaults', acme('')],
      ['an Issuer elsewhere', acme('').replace('name: a', 'name: a, namespace: b')],
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

const mode = 'mode: External, signedCertificateSecretRef: {name: s}'
const certificatePart = 'is fixed, as it is part of the CA certificate; restore it, or make another Issuer'
const keyPart = 'is fixed, as the key is made once; restore it, or make another Issuer'

const updateRows: readonly (readonly [title: string, before: string, after: string, field: string, message: string])[] =
  [
    [
      'another type',
      selfSigned(''),
      '{type: CASecret, caSecret: {secretRef: {name: a}}}',
      'spec.type',
      'is fixed; restore it, or make another Issuer',
    ],
    ['another subject', selfSigned(''), selfSigned('').replace('X', 'Y'), 'spec.selfSigned.subject', certificatePart],
    [
      'a path length afterwards',
      selfSigned(''),
      selfSigned('pathLength: 0'),
      'spec.selfSigned.pathLength',
      certificatePart,
    ],
    [
      'no path length any more',
      selfSigned('pathLength: 0'),
      selfSigned(''),
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
      selfSigned(''),
      selfSigned('privateKey: {algorithm: Ed25519}'),
      'spec.selfSigned.privateKey.algorithm',
      keyPart,
    ],
    [
      'another curve than the one unless given',
      selfSigned(''),
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
      subordinate(mode),
      'spec.subordinate.mode',
      'is fixed; restore it, or make another Issuer',
    ],
  ]

/** Changes of Issuers that an API server with our CRDs must refuse. */
export const invalidUpdates: readonly InvalidUpdate[] = updateRows.map(([title, before, after, field, message]) => ({
  title,
  kind: 'Issuer',
  before: object('Issuer', before),
  after: object('Issuer', after),
  field,
  message,
}))

/** Changes that it must let through: of what holds for the next certificate, and of words only. */
export const validUpdates: readonly { readonly title: string; readonly before: unknown; readonly after: unknown }[] = (
  [
    ['a longer duration', selfSigned(''), selfSigned('duration: 100000h')],
    ['the curve in words', selfSigned(''), selfSigned('privateKey: {curve: P-384}')],
    [
      'the bits in words',
      selfSigned('privateKey: {algorithm: RSA}'),
      selfSigned('privateKey: {algorithm: RSA, bits: 3072}'),
    ],
    ['another certificate from elsewhere', subordinate(mode), subordinate(mode.replace('{name: s}', '{name: t}'))],
    [
      'another CA in a Secret',
      '{type: CASecret, caSecret: {secretRef: {name: a}}}',
      '{type: CASecret, caSecret: {secretRef: {name: b}}}',
    ],
  ] as const
).map(([title, before, after]) => ({ title, before: object('Issuer', before), after: object('Issuer', after) }))
