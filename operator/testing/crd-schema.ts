import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** A rule of a CRD in CEL. */
export interface ValidationRule {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

/** A node of the schema in a CRD, as far as our CRDs make use of what there is. */
export interface SchemaNode {
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode
  readonly items?: SchemaNode
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-preserve-unknown-fields'?: true
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[]
}

/** The folder of the CRDs that are shipped. */
export const crdFolder = join(import.meta.dirname, '..', '..', 'crds')

/** The schema of a kind in the CRD that is shipped. */
export function shippedSchema(kind: 'Issuer' | 'CertificateProfile'): SchemaNode {
  const text = readFileSync(join(crdFolder, `certctl.io_${kind.toLowerCase()}s.yaml`), 'utf8')
  return schemaOf(parse(text))
}

/** The schema in a CRD. */
export function schemaOf(crd: unknown): SchemaNode {
  // The boundary between YAML and what a CRD is known to hold.
  const { spec } = crd as { spec: { versions: { schema: { openAPIV3Schema: SchemaNode } }[] } }
  const [version] = spec.versions
  if (version === undefined) throw new TypeError('a CRD without a version')
  return version.schema.openAPIV3Schema
}
