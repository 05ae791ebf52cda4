import { z } from 'zod'
import { durationText, subdomainName, networks, text } from './fields.ts'
import { fixed, matches, withRules } from './rules.ts'
import type { TransitionRule } from './rules.ts'

const names = (description: string, item: string): z.ZodArray<z.ZodString> =>
  z
    .array(text(item, { max: 64 }))
    .max(8)
    .meta({ description })

const country = withRules(z.string().max(2), 'A country.', [
  matches(/^[A-Z]{2}$/, 'is not a country; write two capital letters such as DE'),
])

const subject = z
  .object({
    commonName: text('Name of the CA, as people will see it.', { max: 64 }),
    organization: names('Organizations (O).', 'An organization.').optional(),
    organizationalUnit: names('Units (OU).', 'A unit.').optional(),
    country: z.array(country).max(8).optional().meta({ description: 'Countries (C) in two capital letters.' }),
  })
  .meta({ description: "The CA's name. A new name is a new CA: it can't be changed." })

const privateKeyFields = z.object({
  algorithm: z.enum(['ECDSA', 'RSA', 'Ed25519']).default('ECDSA').meta({ description: 'Kind of key.' }),
  curve: z
    .enum(['P-256', 'P-384', 'P-521'])
    .optional()
    .meta({ description: 'Curve of an ECDSA key; P-384 unless given.' }),
  bits: z
    .literal([2048, 3072, 4096])
    .optional()
    .meta({ description: 'Size of an RSA key: 2048, 3072 or 4096; 3072 unless given.', type: 'integer' }),
  secretName: subdomainName(
    'In a cluster: the Secret of the same namespace that the key and its certificate are kept in; <issuer>-ca unless given.',
  ).optional(),
})

const keyIsMadeOnce = 'is fixed, as the key is made once; restore it, or make another Issuer'

const privateKey = withRules(
  privateKeyFields,
  'The key that is made for the CA, once.',
  [
    {
      rule: "!has(self.curve) || self.algorithm == 'ECDSA'",
      message: 'belongs to ECDSA keys; leave it out or set algorithm: ECDSA',
      field: 'curve',
      holds: (key) => key.curve === undefined || key.algorithm === 'ECDSA',
    },
    {
      rule: "!has(self.bits) || self.algorithm == 'RSA'",
      message: 'belongs to RSA keys; leave it out or set algorithm: RSA',
      field: 'bits',
      holds: (key) => key.bits === undefined || key.algorithm === 'RSA',
    },
  ],
  [
    { rule: 'self.algorithm == oldSelf.algorithm', message: keyIsMadeOnce, field: 'algorithm' },
    { ...sameWithDefault('curve', "'P-384'"), message: keyIsMadeOnce },
    { ...sameWithDefault('bits', '3072'), message: keyIsMadeOnce },
    fixed('secretName', 'is fixed, as the key lies there; restore it, or make another Issuer'),
  ],
)

/** A member that is left out and one that says what left out means are the same. */
function sameWithDefault(field: string, value: string): Omit<TransitionRule, 'message'> {
  const effective = (self: string): string => `(has(${self}.${field}) ? ${self}.${field} : ${value})`
  return { rule: `${effective('self')} == ${effective('oldSelf')}`, field }
}

const domainPattern = /^([a-z0-9_]([-a-z0-9_]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

const domain = withRules(z.string().max(253), 'A domain, with everything below it.', [
  matches(domainPattern, 'is not a domain; write example.com, which covers all below it too'),
])

const subtrees = z.object({
  dns: z.array(domain).max(64).optional().meta({ description: 'Domains, each with everything below it.' }),
  ip: networks('Networks in CIDR form.', 64).optional(),
})

const nameConstraints = z
  .object({
    permitted: subtrees.optional().meta({ description: 'Only these names; a form that is not listed stays free.' }),
    excluded: subtrees.optional().meta({ description: 'None of these names.' }),
  })
  .meta({
    description:
      "Names that may appear below this CA (RFC 5280 section 4.2.1.10), critical in its certificate. It can't be changed.",
  })

const pathLength = z
  .int32()
  .min(0)
  .max(4)
  .meta({
    description: "How many more CAs may follow this one; no limit of its own unless given. It can't be changed.",
  })

const day = 24 * 3600

/** What every CA that is made here is made from. */
export function certificateAuthority(durations: { description: string; unlessGiven: string }) {
  return z.object({
    subject,
    duration: durationText(durations.description, { min: 3600, max: 36_500 * day }).default(durations.unlessGiven),
    privateKey: privateKey.prefault({}),
    pathLength: pathLength.optional(),
    nameConstraints: nameConstraints.optional(),
  })
}

const caIsMadeOnce = 'is fixed, as it is part of the CA certificate; restore it, or make another Issuer'

/** What can't be changed any more, for the same fields. */
export const madeOnce: readonly TransitionRule[] = [
  { rule: 'self.subject == oldSelf.subject', message: caIsMadeOnce, field: 'subject' },
  fixed('pathLength', caIsMadeOnce),
  fixed('nameConstraints', caIsMadeOnce),
]
