import { z } from 'zod'
import {
  apiVersion,
  durationText,
  metadata,
  nameConstraints,
  objectName,
  pathLength,
  privateKey,
  subject,
} from './fields.ts'
import { withRules } from './rules.ts'
import type { CelRule } from './rules.ts'

const day = 24 * 3600

const selfSigned = withRules(
  z.object({
    subject,
    duration: durationText('How long the CA certificate is valid.', { min: 3600, max: 36_500 * day }).default('87600h'),
    privateKey: privateKey.prefault({}),
    pathLength: pathLength.optional(),
    nameConstraints: nameConstraints.optional(),
  }),
  'A root CA that the server makes itself.',
  [],
  [{ rule: 'self == oldSelf', message: 'a CA is made once from these fields; make another Issuer instead' }],
)

const caSecret = z
  .object({
    secretRef: z
      .object({ name: objectName('A Secret in the same namespace.') })
      .meta({
        description: 'Secret with tls.crt (the CA certificate and its chain), tls.key and, optionally, ca.crt.',
      }),
  })
  .meta({ description: 'A CA that you bring along: certificate, chain and key.' })

const subordinate = withRules(
  z.object({
    mode: z.enum(['Parent']).default('Parent').meta({ description: 'Who signs the CA: another Issuer.' }),
    parentRef: z
      .object({ name: objectName('An Issuer in the same namespace.') })
      .meta({ description: 'The Issuer that signs this one.' }),
    subject,
    duration: durationText("How long the CA certificate is valid, at most until the parent's ends.", {
      min: 3600,
      max: 36_500 * day,
    }).default('43800h'),
    privateKey: privateKey.prefault({}),
    pathLength: pathLength.optional(),
    nameConstraints: nameConstraints.optional(),
  }),
  'An intermediate CA whose key the server makes.',
  [],
  [{ rule: 'self == oldSelf', message: 'a CA is made once from these fields; make another Issuer instead' }],
)

const fields = z.object({
  type: z.enum(['SelfSigned', 'CASecret', 'Subordinate']).meta({ description: 'Where the CA comes from.' }),
  selfSigned: selfSigned.optional(),
  caSecret: caSecret.optional(),
  subordinate: subordinate.optional(),
  allowedProfiles: z
    .object({
      namespaces: z
        .object({
          from: z
            .enum(['Same', 'All'])
            .default('Same')
            .meta({ description: 'Same: only the own namespace. All: any.' }),
        })
        .prefault({})
        .meta({ description: 'Namespaces whose profiles may use this Issuer.' }),
    })
    .prefault({})
    .meta({ description: 'Which CertificateProfiles may name this Issuer.' }),
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
  [{ rule: 'self.type == oldSelf.type', message: 'type is fixed; make another Issuer instead' }],
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
