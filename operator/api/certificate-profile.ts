import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import { acme } from './acme-directory.ts'
import {
  apiVersion,
  durationText,
  isDuration,
  metadata,
  namePatterns,
  objectName,
  setOf,
  subdomainName,
  text,
} from './fields.ts'
import { withRules } from './rules.ts'

const minute = 60
const hour = 60 * minute
const day = 24 * hour

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
      rule: `!${isDuration('self.default')} || !${isDuration('self.max')} || duration(self.default) <= duration(self.max)`,
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
        name: subdomainName('Name of the ClusterIssuer; certctl-<name of the profile> unless given.').optional(),
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
