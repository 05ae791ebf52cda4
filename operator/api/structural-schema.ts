import { z } from 'zod'

/** A node of a structural schema, as a CRD carries it. */
export type StructuralSchema = Readonly<Record<string, unknown>>

/** The order in which a person reads a node; what is not named here comes last. */
const keywords = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
  'required',
  'properties',
  'additionalProperties',
  'items',
]

/** What zod says beyond what a node needs, or what a structural schema forbids. */
const dropped = new Set(['readOnly', '$schema'])

/** Turns a schema into what the API server enforces: the shape that is written, with its defaults and rules. */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  return structuralNode(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }))
}

function structuralNode(given: z.core.JSONSchema.BaseSchema): StructuralSchema {
  const { properties, items, additionalProperties, ...rest } = given
  const node: Record<string, unknown> = { ...rest }
  if (given['x-kubernetes-preserve-unknown-fields'] !== true) {
    if (properties !== undefined) node['properties'] = structuralMembers(properties)
    if (typeof additionalProperties === 'object') node['additionalProperties'] = structuralNode(additionalProperties)
  }
  if (typeof items === 'object' && !Array.isArray(items)) node['items'] = structuralNode(items)
  if (properties !== undefined && isObject(given.default)) node['default'] = withDefaults(given, given.default)
  if (node['type'] === 'integer' && node['format'] === undefined) node['format'] = 'int32'
  return inOrder(Object.entries(node).filter(([keyword, value]) => !dropped.has(keyword) && !isNoBound(keyword, value)))
}

function structuralMembers(properties: NonNullable<z.core.JSONSchema.BaseSchema['properties']>): StructuralSchema {
  return Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [
      name,
      typeof member === 'object' ? structuralNode(member) : {},
    ]),
  )
}

/** The API server judges a default by the rules before it fills in the defaults of its members: it must be whole. */
function withDefaults({ properties = {} }: z.core.JSONSchema.BaseSchema, value: object): object {
  const filled = Object.entries(properties).flatMap(([name, member]) => {
    const given: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
    const own = given ?? (typeof member === 'object' ? member.default : undefined)
    if (own === undefined) return []
    return [[name, typeof member === 'object' && isObject(own) ? withDefaults(member, own) : own]]
  })
  return Object.fromEntries(filled)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whole numbers come with the bounds of their type, which say nothing. */
function isNoBound(keyword: string, value: unknown): boolean {
  return keyword === 'maximum' && (value === 2 ** 31 - 1 || value === Number.MAX_SAFE_INTEGER)
}

function inOrder(members: readonly (readonly [string, unknown])[]): StructuralSchema {
  const place = (keyword: string): number => {
    const index = keywords.indexOf(keyword)
    return index === -1 ? keywords.length : index
  }
  return Object.fromEntries(members.toSorted(([a], [b]) => place(a) - place(b)))
}
