import { z } from 'zod'
import { certificateAuthority, madeOnce } from './certificate-authority.ts'
import { apiVersion, durationText, subdomainName, metadata, namePatterns, objectName, setOf } from './fields.ts'
import { labelSelector } from './label-selector.ts'
import { fixed, matches, withRules } from './rules.ts'
import type { CelRule } from './rules.ts'

const day = 24 * 3600

const selfSigned = withRules(
  certificateAuthority({
    description: 'How long the CA certificate is valid. A change holds for the next one.',
    unlessGiven: '87600h',
  }),
  'A root CA that the server makes itself.',
  [],
  madeOnce,
)

const caSecret = z
  .object({
    secretRef: z
      .object({ name: subdomainName('A Secret in the same namespace.') })
      .meta({
        description: 'Secret with tls.crt (the CA certificate and its chain), tls.key and, optionally, ca.crt.',
      }),
  })
  .meta({ description: 'A CA that you bring along: certificate, chain and key.' })

const secretKey = withRules(z.string().max(253), 'Key in the Secret.', [
  matches(/^[-._a-zA-Z0-9]+$/, 'is not a key of a Secret; use letters, digits, hyphens, underscores and dots'),
])

const subordinate = withRules(
  certificateAuthority({
    description:
      "Parent: how long the CA certificate is valid, at most until the parent's ends. A change holds for the next one.",
    unlessGiven: '43800h',
  }).extend({
    mode: z
      .enum(['Parent', 'External'])
      .default('Parent')
      .meta({
        description:
          'Who signs the CA. Parent: another Issuer. External: a CA elsewhere, which gets the CSR from status.csr.',
      }),
    parentRef: z
      .object({ name: objectName('An Issuer in the same namespace.') })
      .optional()
      .meta({ description: "Parent: the Issuer that signs this one. It can't be changed." }),
    signedCertificateSecretRef: z
      .object({ name: subdomainName('A Secret in the same namespace.'), key: secretKey.default('tls.crt') })
      .optional()
      .meta({ description: 'External: where you put the signed CA certificate, followed by its chain, in PEM.' }),
  }),
  'An intermediate CA whose key the server makes.',
  [
    {
      rule: "self.mode != 'Parent' || has(self.parentRef)",
      message: 'is missing; name the Issuer that signs this one, or set mode: External',
      field: 'parentRef',
      holds: (spec) => spec.mode !== 'Parent' || spec.parentRef !== undefined,
    },
    {
      rule: "self.mode == 'Parent' || !has(self.parentRef)",
      message: 'belongs to mode: Parent; leave it out or set that mode',
      field: 'parentRef',
      holds: (spec) => spec.mode === 'Parent' || spec.parentRef === undefined,
    },
    {
      rule: "self.mode != 'External' || has(self.signedCertificateSecretRef)",
      message: 'is missing; name the Secret that the signed certificate will be put in, or set mode: Parent',
      field: 'signedCertificateSecretRef',
      holds: (spec) => spec.mode !== 'External' || spec.signedCertificateSecretRef !== undefined,
    },
    {
      rule: "self.mode == 'External' || !has(self.signedCertificateSecretRef)",
      message: 'belongs to mode: External; leave it out or set that mode',
      field: 'signedCertificateSecretRef',
      holds: (spec) => spec.mode === 'External' || spec.signedCertificateSecretRef === undefined,
    },
  ],
  [
    ...madeOnce,
    { rule: 'self.mode == oldSelf.mode', message: 'is fixed; restore it, or make another Issuer', field: 'mode' },
    fixed('parentRef', 'is fixed, as it has signed this CA; restore it, or make another Issuer'),
  ],
)

const namespaces = withRules(
  z.object({
    from: z
      .enum(['Same', 'Selector', 'All'])
      .default('Same')
      .meta({ description: 'Same: only the own namespace. Selector: the own and those it selects. All: any.' }),
    selector: labelSelector.optional(),
  }),
  'Namespaces whose profiles may use this Issuer.',
  [
    {
      rule: "self.from != 'Selector' || has(self.selector)",
      message: 'is missing; say which namespaces, for example matchLabels: {team: web}',
      field: 'selector',
      holds: (spec) => spec.from !== 'Selector' || spec.selector !== undefined,
    },
    {
      rule: "self.from == 'Selector' || !has(self.selector)",
      message: 'belongs to from: Selector; leave it out or write that',
      field: 'selector',
      holds: (spec) => spec.from === 'Selector' || spec.selector === undefined,
    },
  ],
)

const ceilings = z
  .object({
    identifiers: z
      .object({
        dns: z
          .object({ allowed: namePatterns('Patterns that must cover every name the profile allows.').min(1) })
          .optional()
          .meta({ description: 'DNS names.' }),
      })
      .optional()
      .meta({ description: 'Identifiers that may be issued; any unless given.' }),
    authModes: setOf('Modes a profile may choose; any unless given.', ['TrustAuthenticated', 'Challenge']).optional(),
    validity: z
      .object({ max: durationText('Longest validity.', { min: 60, max: 3660 * day }).optional() })
      .optional()
      .meta({ description: 'How long certificates may be valid.' }),
  })
  .meta({
    description: 'What profiles of other namespaces can not exceed, whatever they ask for; checked at every issuance.',
  })

const fields = z.object({
  type: z.enum(['SelfSigned', 'CASecret', 'Subordinate']).meta({ description: 'Where the CA comes from.' }),
  selfSigned: selfSigned.optional(),
  caSecret: caSecret.optional(),
  subordinate: subordinate.optional(),
  allowedProfiles: z
    .object({ namespaces: namespaces.prefault({}), ceilings: ceilings.optional() })
    .prefault({})
    .meta({ description: 'Which CertificateProfiles may name this Issuer, and how far they may go.' }),
  suspend: z.boolean().default(false).meta({ description: 'True stops all signing by this CA.' }),
})

type Member = 'selfSigned' | 'caSecret' | 'subordinate'

function belongsToType(type: z.output<typeof fields>['type'], member: Member): CelRule<z.output<typeof fields>> {
  return {
    rule: `(self.type == '${type}') == has(self.${member})`,
    message: `must be there exactly when type is ${type}`,
    field: member,
    holds: (spec) => (spec.type === type) === (spec[member] !== undefined),
  }
}

/** What an Issuer asks for. */
export const issuerSpec = withRules(
  fields,
  'A certificate authority.',
  [
    belongsToType('SelfSigned', 'selfSigned'),
    belongsToType('CASecret', 'caSecret'),
    belongsToType('Subordinate', 'subordinate'),
  ],
  [{ rule: 'self.type == oldSelf.type', message: 'is fixed; restore it, or make another Issuer', field: 'type' }],
)

export const issuer = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Issuer'),
  metadata,
  spec: issuerSpec,
})

export type IssuerSpec = z.output<typeof issuerSpec>
export type SelfSignedSpec = z.output<typeof selfSigned>
export type SubordinateSpec = z.output<typeof subordinate>
