import type { Value } from './annotated-values.ts'
import { strictObject } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** values.schema.json: strict everywhere but where a value says otherwise. */
export function valuesSchema(values: readonly Value[]): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the certctl chart',
    ...groupSchema(values),
  }
}

/**
 * Helm fills in every default, so that a value that is missing was set to null: templates would fail on it without a word
 * on which, or render what nobody meant. `global` is the parent chart's.
 */
function groupSchema(values: readonly Value[]): JsonSchema {
  const required = values.filter((value) => value.path !== 'global' && !mayBeNull(value)).map(({ name }) => name)
  return strictObject(Object.fromEntries(values.map((value) => [value.name, schemaOf(value)])), { required })
}

function mayBeNull(value: Value): boolean {
  const type = value.kind === 'leaf' ? value.schema['type'] : undefined
  return Array.isArray(type) && type.includes('null')
}

function schemaOf(value: Value): JsonSchema {
  if (value.kind === 'group') return groupSchema(value.members)
  return { description: value.description, default: value.default, ...value.schema }
}
