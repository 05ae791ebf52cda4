import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import {
  apiVersion,
  durationText,
  metadata,
  namePatterns,
  networks,
  objectName,
  setOf,
  subdomainName,
  text,
} from './fields.ts'
import { matches, withRules } from './rules.ts'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

const limit = z
  .object({
    limit: z.int32().min(1).max(1_000_000).meta({ description: 'How many at once, refilled evenly over the window.' }),
    window: durationText('Time over which the limit is refilled.', { min: 1, max: 30 * day }),
  })
  .meta({ description: 'A rate limit.' })

const rateLimits = z
  .object({
    newAccountsPerAddress: limit.optional().meta({ description: 'New accounts from one address (IPv6: one /48).' }),
    newOrders: limit.optional().meta({ description: 'New orders of one account.' }),
    challengeResponses: limit.optional().meta({ description: 'Challenge responses of one account.' }),
    failedValidations: limit.optional().meta({ description: 'Failed validations of one account for one identifier.' }),
    pendingOrders: z
      .int32()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({ description: 'Unfinished orders of one account at a time, counted exactly.' }),
  })
  .meta({ description: "Limits of this profile; what is left out is the server's." })

const resolver = withRules(z.string().max(47), 'Address of a DNS server, with a port where it is not 53.', [
  matches(
    /^([0-9.]{7,15}(:[0-9]{1,5})?|\[[0-9a-fA-F:]{2,39}\]:[0-9]{1,5}|[0-9a-fA-F:]{2,39})$/,
    'is not a DNS server; write 10.0.0.10:53 or [fd00::10]:53',
  ),
])

const webPage = (description: string): z.ZodString =>
  withRules(z.string().max(2000), description, [
    matches(
      /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[-A-Za-z0-9.]+)(:[0-9]{1,5})?([/?#][!-~]*)?$/,
      'is not an http or https URL; write for example https://pki.example.com/terms',
    ),
  ])

const acme = withRules(
  z.object({
    authMode: z
      .enum(['TrustAuthenticated', 'Challenge'])
      .meta({
        description:
          'Challenge: every name is proven. TrustAuthenticated: every account may have any name permitted here.',
      }),
    challengeTypes: setOf('Challenges that are offered.', ['http-01', 'dns-01', 'tls-alpn-01']).default([
      'http-01',
      'dns-01',
    ]),
    registration: z
      .enum(['Open'])
      .optional()
      .meta({
        description: 'Open: whoever reaches the server may register. TrustAuthenticated needs this or clientNetworks.',
      }),
    clientNetworks: networks('Networks of the clients, checked on every signed request.', 64).optional(),
    orderLifetime: durationText('How long an order may be completed.', { min: minute, max: 30 * day }).optional(),
    authorizationLifetime: durationText('How long an authorization lives.', { min: minute, max: 365 * day }).optional(),
    rateLimits: rateLimits.prefault({}),
    validation: z
      .object({
        resolvers: z
          .array(resolver)
          .max(8)
          .default([])
          .meta({ description: "DNS servers for validation; the server's unless given." }),
        allowedNetworks: networks('Private networks that validation may connect to.', 64).default([]),
      })
      .prefault({})
      .meta({ description: 'How challenges are looked at.' }),
    meta: z
      .object({
        termsOfService: webPage('Terms that accounts must agree to.').optional(),
        website: webPage('A page for people.').optional(),
        caaIdentities: z
          .array(text('A domain name.', { max: 253 }))
          .max(16)
          .optional()
          .meta({ description: 'Domain names of this CA in CAA records.' }),
      })
      .prefault({})
      .meta({ description: 'What the directory says about itself.' }),
  }),
  'The ACME directory.',
  [
    {
      rule: "self.authMode != 'TrustAuthenticated' || has(self.registration) || (has(self.clientNetworks) && self.clientNetworks.size() > 0)",
      message:
        'TrustAuthenticated gives names to whoever can register; say who: add clientNetworks, or registration: Open',
      field: 'authMode',
      holds: (spec) =>
        spec.authMode !== 'TrustAuthenticated' ||
        spec.registration !== undefined ||
        (spec.clientNetworks?.length ?? 0) > 0,
    },
    {
      rule: '!has(self.registration) || !has(self.clientNetworks)',
      message: 'Open lets every address in and clientNetworks does not; keep one of the two',
      field: 'registration',
      holds: (spec) => spec.registration === undefined || spec.clientNetworks === undefined,
    },
    {
      rule: '!has(self.clientNetworks) || self.clientNetworks.size() > 0',
      message: 'an empty list would let nobody in; name a network or leave the field out',
      field: 'clientNetworks',
      holds: (spec) => spec.clientNetworks === undefined || spec.clientNetworks.length > 0,
    },
  ],
)

const identifiers = z
  .object({
    dns: z
      .object({
        allowed: namePatterns(
          'example.com is itself, *.example.com one label below it, **.example.com any number of labels below it.',
        ).default([]),
        denied: namePatterns('Names that are refused although they are allowed.').default([]),
        wildcards: z
          .boolean()
          .default(false)
          .meta({ description: 'True permits wildcard names such as *.example.com.' }),
        max: z.int32().min(1).max(100).default(100).meta({ description: 'Names in one certificate.' }),
      })
      .optional()
      .meta({ description: 'DNS names that may be issued. Left out: in Challenge mode any name that is proven.' }),
  })
  .meta({ description: 'Identifiers that may be issued.' })

const validity = withRules(
  z.object({
    default: durationText('Validity where the client asks for none.', { min: minute, max: 3660 * day }).default(
      '2160h',
    ),
    max: durationText('Longest validity.', { min: minute, max: 3660 * day }).default('2160h'),
    backdate: durationText('How far notBefore lies in the past, for clocks that are late.', {
      min: 0,
      max: day,
    }).default('5m'),
    clientNotAfter: z
      .enum(['Clamp', 'Reject', 'Ignore'])
      .default('Clamp')
      .meta({ description: 'What becomes of a notAfter beyond max. Clamp is what cert-manager needs.' }),
  }),
  'How long certificates are valid.',
  [
    {
      rule: 'duration(self.default) <= duration(self.max)',
      message: 'is longer than max; shorten it or raise max',
      field: 'default',
      holds: (spec) => (parseDuration(spec.default) ?? 0) <= (parseDuration(spec.max) ?? Infinity),
    },
  ],
)

const keyRule = withRules(
  z.object({
    algorithm: z.enum(['ECDSA', 'RSA', 'Ed25519']).meta({ description: 'Kind of key.' }),
    curves: setOf('Curves of ECDSA keys; all three unless given.', ['P-256', 'P-384', 'P-521']).optional(),
    minBits: z.int32().min(2048).max(4096).optional().meta({ description: 'Smallest RSA key.' }),
    maxBits: z.int32().min(2048).max(4096).optional().meta({ description: 'Largest RSA key.' }),
  }),
  'A kind of key that certificates may have.',
  [
    {
      rule: "!has(self.curves) || self.algorithm == 'ECDSA'",
      message: 'belongs to ECDSA keys; leave it out or set algorithm: ECDSA',
      field: 'curves',
      holds: (rule) => rule.curves === undefined || rule.algorithm === 'ECDSA',
    },
    {
      rule: "(!has(self.minBits) && !has(self.maxBits)) || self.algorithm == 'RSA'",
      message: 'minBits and maxBits belong to RSA keys; leave them out or set algorithm: RSA',
      holds: (rule) => (rule.minBits === undefined && rule.maxBits === undefined) || rule.algorithm === 'RSA',
    },
    {
      rule: '!has(self.minBits) || !has(self.maxBits) || self.minBits <= self.maxBits',
      message: 'is larger than maxBits; lower it or raise maxBits',
      field: 'minBits',
      holds: (rule) => (rule.minBits ?? 0) <= (rule.maxBits ?? Infinity),
    },
  ],
)

const certManager = z
  .object({
    clusterIssuer: z
      .object({
        enabled: z
          .boolean()
          .default(false)
          .meta({ description: 'True: the operator makes the ClusterIssuer and keeps it correct, trust included.' }),
        name: subdomainName("Name of the ClusterIssuer; the profile's id unless given.").optional(),
        solvers: z
          .array(
            z
              .looseObject({})
              .meta({ description: 'A solver as cert-manager has it.', 'x-kubernetes-preserve-unknown-fields': true }),
          )
          .max(16)
          .optional()
          .meta({ description: 'Goes to spec.acme.solvers of the ClusterIssuer as it is: how challenges are proven.' }),
      })
      .prefault({})
      .meta({
        description:
          "A ClusterIssuer of cert-manager for this directory. Only for profiles in the operator's own namespace.",
      }),
  })
  .prefault({})
  .meta({ description: 'What the operator makes for cert-manager.' })

const fields = z.object({
  issuerRef: z
    .object({
      name: objectName('Name of the Issuer.'),
      namespace: objectName('Namespace of the Issuer; the own one unless given. That Issuer must allow it.').optional(),
    })
    .meta({ description: 'The Issuer that signs. A change holds for new orders.' }),
  acme,
  identifiers: identifiers.prefault({}),
  validity: validity.prefault({}),
  keyPolicy: z
    .object({
      allowed: z
        .array(keyRule)
        .min(1)
        .max(8)
        .default([
          { algorithm: 'ECDSA', curves: ['P-256', 'P-384'] },
          { algorithm: 'RSA', minBits: 2048 },
          { algorithm: 'Ed25519' },
        ])
        .meta({ description: 'A key is accepted when one of these accepts it.' }),
    })
    .prefault({})
    .meta({ description: 'Keys that certificates may have.' }),
  usages: z
    .object({
      key: setOf('Key usages (RFC 5280 section 4.2.1.3).', [
        'digitalSignature',
        'nonRepudiation',
        'keyEncipherment',
        'dataEncipherment',
        'keyAgreement',
      ]).default(['digitalSignature']),
      extended: setOf('Extended key usages (RFC 5280 section 4.2.1.12).', [
        'serverAuth',
        'clientAuth',
        'codeSigning',
        'emailProtection',
        'timeStamping',
      ]).default(['serverAuth']),
    })
    .prefault({})
    .meta({ description: 'What certificates may be used for.' }),
  subject: z
    .object({
      commonName: z
        .enum(['Forbid', 'FromFirstDNS'])
        .default('FromFirstDNS')
        .meta({ description: 'FromFirstDNS repeats the first DNS name as common name where it fits.' }),
      organization: z
        .array(text('An organization.', { max: 64 }))
        .max(8)
        .optional()
        .meta({ description: 'Organizations (O).' }),
    })
    .prefault({})
    .meta({ description: 'Subject of certificates; never copied from the request.' }),
  certManager,
  suspend: z.boolean().default(false).meta({ description: 'True stops issuing: clients are told to come back later.' }),
})

/** What a CertificateProfile asks for. */
export const certificateProfileSpec = withRules(fields, 'An ACME directory and what it issues.', [
  {
    rule: "self.acme.authMode != 'TrustAuthenticated' || (has(self.identifiers.dns) && self.identifiers.dns.allowed.size() > 0)",
    message: 'TrustAuthenticated needs names to trust accounts with; add dns.allowed, for example ["*.example.com"]',
    field: 'identifiers',
    holds: (spec) => spec.acme.authMode !== 'TrustAuthenticated' || (spec.identifiers.dns?.allowed.length ?? 0) > 0,
  },
  {
    rule: "self.acme.authMode != 'Challenge' || !has(self.identifiers.dns) || !self.identifiers.dns.wildcards || 'dns-01' in self.acme.challengeTypes",
    message: 'wildcards can only be proven by dns-01; add it to acme.challengeTypes or set wildcards: false',
    field: 'identifiers',
    holds: (spec) =>
      spec.acme.authMode !== 'Challenge' ||
      spec.identifiers.dns?.wildcards !== true ||
      spec.acme.challengeTypes.includes('dns-01'),
  },
  {
    rule: "self.acme.authMode != 'Challenge' || !self.certManager.clusterIssuer.enabled || (has(self.certManager.clusterIssuer.solvers) && self.certManager.clusterIssuer.solvers.size() > 0)",
    message:
      'Challenge mode needs a solver in clusterIssuer; add solvers, for example [{http01: {ingress: {ingressClassName: nginx}}}]',
    field: 'certManager',
    holds: ({ acme: { authMode }, certManager: { clusterIssuer } }) =>
      authMode !== 'Challenge' || !clusterIssuer.enabled || (clusterIssuer.solvers ?? []).length > 0,
  },
])

export const certificateProfile = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('CertificateProfile'),
  metadata,
  spec: certificateProfileSpec,
})

export type CertificateProfileSpec = z.output<typeof certificateProfileSpec>
