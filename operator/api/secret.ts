import { z } from 'zod'
import { metadata, subdomainName } from './fields.ts'

const base64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const value = z.string().max(1_000_000)

/** Other than objects of ours, a Secret may have dots in its name. */
export const secretMetadata = metadata.extend({ name: subdomainName('Name of the Secret.') })

/** A v1 Secret as far as it is read: opaque values by key. */
export const secret = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata: secretMetadata,
  type: z.string().max(253).optional(),
  immutable: z.boolean().optional(),
  data: z
    .record(
      z.string(),
      value
        .transform((text) => text.replace(/\s/g, ''))
        .pipe(value.regex(base64, 'is not base64; encode it, or write it under stringData as it is')),
    )
    .default({}),
  stringData: z.record(z.string(), value).default({}),
})

/** The values of a Secret in clear text; stringData wins over data, as in Kubernetes. */
export function secretValues(object: z.output<typeof secret>): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const [key, text] of Object.entries(object.data)) values.set(key, Buffer.from(text, 'base64').toString('utf8'))
  for (const [key, text] of Object.entries(object.stringData)) values.set(key, text)
  return values
}
