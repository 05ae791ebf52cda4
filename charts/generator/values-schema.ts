import type { Value } from './annotated-values.ts'
import { strictObject } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** values.schema.json: strict everywhere but where a value says otherwise. */
export function valuesSchema(values: readonly Value[]): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the certctl chart',
    ...strictObject(membersSchema(values)),
  }
}

function membersSchema(values: readonly Value[]): Record<string, JsonSchema> {
  return Object.fromEntries(values.map((value) => [value.name, schemaOf(value)]))
}

function schemaOf(value: Value): JsonSchema {
  if (value.kind === 'group') return strictObject(membersSchema(value.members))
  return { description: value.description, default: value.default, ...value.schema }
}
