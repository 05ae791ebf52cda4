/** A JSON Schema, draft 7: the newest that Helm 3 and Helm 4 both read. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * An object with these members and no others. The names are told twice: Helm's message for a name that is not among
 * them then lists those that are.
 */
export function strictObject(properties: Readonly<Record<string, JsonSchema>>, more: JsonSchema = {}): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    propertyNames: { enum: Object.keys(properties) },
    properties,
    ...more,
  }
}

/** An array of these. */
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items })

/** The same schema with every object in it strict that names its members and does not say that others may be there. */
export function closed(schema: JsonSchema): JsonSchema {
  const { properties, items } = schema
  const withItems = isSchema(items) ? { ...schema, items: closed(items) } : schema
  if (!isSchema(properties)) return withItems
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, isSchema(member) ? closed(member) : {}]),
  )
  if (schema['additionalProperties'] !== undefined) return { ...withItems, properties: members }
  return { ...withItems, ...strictObject(members) }
}

/** Whether a member of a schema is a schema itself. */
export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
