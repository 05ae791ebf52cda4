import { z } from 'zod'

type Plain = string | number | boolean | undefined

/** The same that nobody may change, all the way down. */
export type Immutable<T> = T extends Plain ? T : { readonly [Key in keyof T]: Immutable<T[Key]> }

/** A text of the operator's own, so that its length is the only thing that matters. */
export function statusText(description: string, max: number): z.ZodString {
  return z.string().max(max).meta({ description })
}

/** A time as Kubernetes writes it, in RFC 3339. */
export function statusTime(description: string): z.ZodString {
  return z.string().max(64).meta({ description, format: 'date-time' })
}

/** The name of an object, in an object of its own, so that more can be said about it later. */
export function reference(description: string): z.ZodObject<{ name: z.ZodString }> {
  return z.object({ name: statusText('Name of the object.', 253) }).meta({ description })
}

/** The generation of the spec that a status is about. */
export const observedGeneration = z
  .int()
  .min(0)
  .optional()
  .meta({ description: 'Generation of the spec that was looked at last.', format: 'int64' })

const condition = z
  .object({
    type: z
      .string()
      .max(64)
      .regex(/^[A-Z][A-Za-z]*$/)
      .meta({
        description: 'What the condition is about: Accepted, ResolvedRefs, Synced, Ready, Warning or ClusterIssuer.',
      }),
    status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
    observedGeneration,
    lastTransitionTime: statusTime('When status changed last.'),
    reason: z
      .string()
      .max(128)
      .regex(/^[A-Z][A-Za-z0-9]*$/)
      .meta({ description: 'The cause in one word of a closed list.' }),
    message: statusText('The cause for people, with what to do about it.', 32_768),
  })
  .meta({ description: 'A condition that the object is in.' })

export const conditions = z
  .array(condition)
  .max(8)
  .optional()
  .meta({
    description: 'How the object fares. Ready sums up the others.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  })
