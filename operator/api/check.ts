import { z } from 'zod'
import { nearestName } from '../nearest-name.ts'

/** A mistake in an object: where, and what to write instead. */
export interface FieldError {
  readonly path: readonly (string | number)[]
  readonly message: string
}

export type Checked<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly FieldError[] }

/**
 * Reads an unknown value by a schema and reports everything that is wrong with it. Unlike an API server, which prunes
 * them, it refuses fields that the schema doesn't know: a typo must not pass for a setting. A field that is null counts
 * as left out, as it does there.
 */
export function check<S extends z.ZodType>(schema: S, given: unknown): Checked<z.output<S>> {
  const parsed = schema.safeParse(withoutNulls(shapeOf(schema), given))
  const errors = [
    ...(parsed.error?.issues ?? []).map((issue) => describe(issue, given)),
    ...unknownFields(shapeOf(schema), given, []),
  ]
  if (parsed.success && errors.length === 0) return { ok: true, value: parsed.data }
  return { ok: false, errors }
}

/** `spec.acme.challengeTypes[0]`, `data[tls.crt]` */
export function fieldPath(path: readonly (string | number)[]): string {
  return path.map((part, index) => (isKey(part) ? `[${part}]` : index === 0 ? part : `.${part}`)).join('')
}

/** What is no name of a field: an index, or a key that could be mistaken for more than one name. */
function isKey(part: string | number): boolean {
  return typeof part === 'number' || /[^-\w]/.test(part)
}

function describe(issue: z.core.$ZodIssue, given: unknown): FieldError {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  return { path, message: words(issue, valueAt(given, path)) }
}

function words(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is missing; add it' : `must be ${article(issue.expected)}, not ${nameOf(value)}`
    case 'invalid_value':
      return value === undefined
        ? `is missing; write ${issue.values.map(String).join(' or ')}`
        : `is ${JSON.stringify(value)}; write ${issue.values.map(String).join(' or ')}`
    case 'too_small':
      return bound('at least', issue.minimum, issue.origin)
    case 'too_big':
      return bound('at most', issue.maximum, issue.origin)
    case 'invalid_union':
      return `is ${JSON.stringify(value)}; see the field's description for what it may be`
    default:
      return issue.message
  }
}

function bound(direction: string, value: number | bigint, origin: string): string {
  if (origin === 'string') return `must have ${direction} ${value} characters`
  if (origin === 'array') return `must have ${direction} ${value} items`
  return `must be ${direction} ${value}`
}

function article(type: string): string {
  if (type === 'record') return 'an object'
  if (type === 'int') return 'a whole number'
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`
}

function nameOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return article(typeof value)
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let current = value
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = Reflect.get(current, part)
  }
  return current
}

type Shape = z.core.JSONSchema.BaseSchema

const shapes = new WeakMap<z.ZodType, Shape>()

/** The schema as plain data, which says what fields there are whatever wraps them. */
function shapeOf(schema: z.ZodType): Shape {
  const known = shapes.get(schema)
  if (known !== undefined) return known
  const shape = z.toJSONSchema(schema, { io: 'input' })
  shapes.set(schema, shape)
  return shape
}

function withoutNulls(shape: Shape, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const { items } = shape
    if (typeof items !== 'object' || Array.isArray(items)) return value
    return value.map((item) => withoutNulls(items, item))
  }
  const members = Object.entries(value).flatMap(([name, member]) => {
    const known = Object.hasOwn(shape.properties ?? {}, name) ? shape.properties?.[name] : undefined
    if (typeof known !== 'object') return [[name, member]]
    return member === null ? [] : [[name, withoutNulls(known, member)]]
  })
  return Object.fromEntries(members)
}

function unknownFields(shape: Shape, value: unknown, path: readonly (string | number)[]): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = shape
    if (typeof items !== 'object' || Array.isArray(items)) return []
    return value.flatMap((item, index) => unknownFields(items, item, [...path, index]))
  }
  if (typeof value !== 'object' || value === null) return []
  const { properties } = shape
  if (properties === undefined) return []
  const open = shape.additionalProperties !== undefined
  return Object.entries(value).flatMap(([name, member]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (typeof known === 'object') return unknownFields(known, member, [...path, name])
    return open || known === true ? [] : [unknownField([...path, name], name, Object.keys(properties))]
  })
}

function unknownField(path: readonly (string | number)[], name: string, known: readonly string[]): FieldError {
  const nearest = nearestName(name, known)
  const advice = nearest === undefined ? `known here: ${known.join(', ')}` : `did you mean ${nearest}?`
  return { path, message: `is not a field; ${advice}` }
}
