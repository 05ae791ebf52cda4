import { z } from 'zod'
import { durationPattern, formatDuration, parseDuration } from '../duration.ts'
import { withRules } from './rules.ts'

/** The API group and version of our kinds. */
export const apiVersion = 'certctl.io/v1alpha1'

/** Names are DNS labels, so that the dot of `<namespace>.<name>` in URLs is never part of one. */
export function objectName(description: string): z.ZodString {
  return z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'is not a DNS label; use small letters, digits and hyphens')
    .meta({ description })
}

/** A Go-style duration within bounds given in seconds. */
export function durationText(description: string, bounds: { min: number; max: number }): z.ZodString {
  const [min, max] = [formatDuration(bounds.min), formatDuration(bounds.max)]
  const schema = z.string().max(32).regex(durationPattern, 'is not a duration; write for example 90s, 5m or 2160h')
  return withRules(schema, description, [
    {
      rule: `duration(self) >= duration('${min}') && duration(self) <= duration('${max}')`,
      message: `must be from ${min} to ${max}`,
      holds(value) {
        const seconds = parseDuration(value)
        return seconds === undefined || (seconds >= bounds.min && seconds <= bounds.max)
      },
    },
  ])
}

/** Seconds of a duration that a schema has accepted. */
export function seconds(text: string): number {
  return Math.floor(parseDuration(text) ?? 0)
}

export const subject = z
  .object({
    commonName: z.string().min(1).max(64).meta({ description: 'Name of the CA, as people will see it.' }),
    organization: z.array(z.string().min(1).max(64)).max(8).optional().meta({ description: 'Organizations (O).' }),
    organizationalUnit: z.array(z.string().min(1).max(64)).max(8).optional().meta({ description: 'Units (OU).' }),
    country: z
      .array(z.string().regex(/^[A-Z]{2}$/, 'is not a country; write two capital letters such as DE'))
      .max(8)
      .optional()
      .meta({ description: 'Countries (C) in two capital letters.' }),
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
    .meta({ description: 'Size of an RSA key: 2048, 3072 or 4096; 3072 unless given.' }),
})

export const privateKey = withRules(privateKeyFields, 'The key that is made for the CA, once.', [
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
])

/** Networks and addresses in CIDR form. Their syntax is checked in code: older API servers have no CEL for it. */
export function networks(description: string, max: number): z.ZodArray<z.ZodString> {
  return z.array(z.string().min(1).max(43)).max(max).meta({ description })
}

const domainPattern = /^([a-z0-9_]([-a-z0-9_]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

const subtrees = z.object({
  dns: z
    .array(
      z.string().max(253).regex(domainPattern, 'is not a domain; write example.com, which covers all below it too'),
    )
    .max(64)
    .optional()
    .meta({ description: 'Domains, each with everything below it.' }),
  ip: networks('Networks in CIDR form.', 64).optional(),
})

export const nameConstraints = z
  .object({
    permitted: subtrees.optional().meta({ description: 'Only these names; a form that is not listed stays free.' }),
    excluded: subtrees.optional().meta({ description: 'None of these names.' }),
  })
  .meta({
    description: 'Names that may appear below this CA (RFC 5280 section 4.2.1.10), critical in its certificate.',
  })

export const pathLength = z
  .int32()
  .min(0)
  .max(4)
  .meta({ description: 'How many more CAs may follow this one; no limit of its own unless given.' })

/** Labels, annotations and what an API server adds are taken as they are. */
export const metadata = z.looseObject({
  name: objectName('Name of the object, a DNS label.'),
  namespace: objectName('Namespace of the object, a DNS label.').optional(),
})
