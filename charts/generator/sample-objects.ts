import { customResourceDefinitions } from '../../operator/api/crd.ts'
import { closed, isSchema, listOf, strictObject } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** `sampleProfiles.objects`: kind, name and the spec of that kind, with every field that the API server knows and no other. */
export function sampleObjects(): JsonSchema {
  const kinds = customResourceDefinitions().map(({ spec }) => ({
    kind: memberAt(spec, ['names', 'kind']),
    spec: strictSpec(memberAt(spec, ['versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec'])),
  }))
  const members = {
    kind: { enum: kinds.map(({ kind }) => kind) },
    name: { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
    spec: { type: 'object' },
  }
  const specOf = kinds.map(({ kind, spec }) => ({
    if: { properties: { kind: { const: kind } } },
    // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
    then: { properties: { spec } },
  }))
  return listOf(strictObject(members, { required: Object.keys(members), allOf: specOf }))
}

function memberAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  )
}

function strictSpec(schema: unknown): JsonSchema {
  if (!isSchema(schema)) throw new Error('a CustomResourceDefinition has no spec')
  return closed(plain(schema))
}

/** A schema of Kubernetes in the words of JSON Schema: what else it says is for the API server to judge. */
function plain(schema: JsonSchema): JsonSchema {
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true
  const entries = Object.entries(schema).filter(([word]) => !/^(x-kubernetes-.*|format|default)$/.test(word))
  const members = entries.map(([word, value]) => [
    word,
    word === 'properties' ? plainMembers(value) : plainValue(value),
  ])
  return { ...Object.fromEntries(members), ...(isOpen && { additionalProperties: true }) }
}

function plainValue(value: unknown): unknown {
  return isSchema(value) ? plain(value) : value
}

function plainMembers(value: unknown): JsonSchema {
  return Object.fromEntries(
    Object.entries(isSchema(value) ? value : {}).map(([name, member]) => [name, plainValue(member)]),
  )
}
