import { Environment } from '@marcbachmann/cel-js'
import type { SchemaNode, ValidationRule } from './crd-schema.ts'

/** What is wrong with an object, as an API server that has the CRD would find it. */
export interface Finding {
  readonly field: string
  readonly message: string
}

/**
 * Judges an object by the schema of its CRD alone, with nothing of the code that reads objects: nulls are dropped,
 * defaults filled in, then shape and rules are checked, with strict field validation. `former` is the object before an
 * update. Unlike an API server it goes on to the rules where the shape is wrong.
 */
export function crdVerdict(schema: SchemaNode, object: unknown, former?: unknown): readonly Finding[] {
  const now = complete(schema, object)
  return judge(schema, '', { now, former: former === undefined ? undefined : complete(schema, former) })
}

/** What the API server stores: without nulls where they are no values, with defaults. */
function complete(node: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => (node.items ? complete(node.items, item) : item))
  if (!isObject(value)) return value
  const members = new Map<string, unknown>()
  for (const [name, member] of Object.entries(value)) {
    const known = memberNode(node, name)
    if (known === undefined) members.set(name, member)
    else if (member !== null) members.set(name, complete(known, member))
  }
  for (const [name, member] of Object.entries(node.properties ?? {})) {
    if (!members.has(name) && member.default !== undefined) members.set(name, complete(member, member.default))
  }
  return Object.fromEntries(members)
}

interface States {
  readonly now: unknown
  readonly former: unknown
}

function judge(node: SchemaNode, path: string, states: States): readonly Finding[] {
  const { now } = states
  if (!isOfType(node.type, now)) return [{ field: path, message: `must be of type ${node.type ?? 'any'}` }]
  return [
    ...valueFindings(node, now).map((message) => ({ field: path, message })),
    ...(Array.isArray(now) ? judgeItems(node, path, now) : isObject(now) ? judgeMembers(node, path, now, states) : []),
    ...ruleFindings(node, path, states),
  ]
}

function isOfType(type: string | undefined, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

function valueFindings(node: SchemaNode, value: unknown): readonly string[] {
  const size = sizeOf(value)
  const [min, max] = [
    node.minLength ?? node.minItems ?? node.minimum ?? -Infinity,
    node.maxLength ?? node.maxItems ?? node.maxProperties ?? node.maximum ?? Infinity,
  ]
  return [
    ...(size < min ? [`should be at least ${min}`] : []),
    ...(size > max ? [`may not be more than ${max}`] : []),
    ...(node.enum !== undefined && !node.enum.includes(value) ? ['Unsupported value'] : []),
  ]
}

/** What bounds are about: characters, items, members, or the number itself. */
function sizeOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return Array.from(value).length
  if (Array.isArray(value)) return value.length
  return isObject(value) ? Object.keys(value).length : 0
}

function judgeItems(node: SchemaNode, path: string, items: readonly unknown[]): readonly Finding[] {
  const findings = items.flatMap((item, index) =>
    node.items === undefined ? [] : judge(node.items, `${path}[${index}]`, { now: item, former: undefined }),
  )
  if (node['x-kubernetes-list-type'] !== 'set') return findings
  const again = [...items.keys()].filter((index) => items.indexOf(items[index]) < index)
  return [...findings, ...again.map((index) => ({ field: `${path}[${index}]`, message: 'Duplicate value' }))]
}

function judgeMembers(node: SchemaNode, path: string, members: object, { former }: States): readonly Finding[] {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const missing = (node.required ?? []).filter((name) => !Object.hasOwn(members, name))
  const open = node['x-kubernetes-preserve-unknown-fields'] === true || path === 'metadata'
  return [
    ...missing.map((name) => ({ field: at(name), message: 'Required value' })),
    ...Object.entries(members).flatMap(([name, member]) => {
      const known = memberNode(node, name)
      if (known === undefined) return open ? [] : [{ field: at(name), message: 'unknown field' }]
      const before: unknown = isObject(former) ? Reflect.get(former, name) : undefined
      const field = node.additionalProperties === undefined ? at(name) : `${path}[${name}]`
      return judge(known, field, { now: member, former: before })
    }),
  ]
}

const environment = new Environment({ unlistedVariablesAreDyn: true })
const programs = new Map<string, (context: object) => unknown>()

function ruleFindings(node: SchemaNode, path: string, { now, former }: States): readonly Finding[] {
  const rules = (node['x-kubernetes-validations'] ?? []).filter(
    ({ rule }) => former !== undefined || !rule.includes('oldSelf'),
  )
  const context = { self: celValue(node, now), oldSelf: former === undefined ? undefined : celValue(node, former) }
  return rules
    .filter(({ rule }) => !holds(rule, context))
    .map(({ message, fieldPath = '' }) => ({ field: fieldOf(path, fieldPath), message }))
}

function fieldOf(path: string, fieldPath: ValidationRule['fieldPath'] = ''): string {
  return path === '' ? fieldPath.slice(1) : path + fieldPath
}

/** A rule that can't be evaluated does not hold. */
function holds(rule: string, context: object): boolean {
  const program = programs.get(rule) ?? environment.parse(rule)
  programs.set(rule, program)
  try {
    return program(context) === true
  } catch {
    return false
  }
}

/** Whole numbers are 64 bits in CEL. */
function celValue(node: SchemaNode | undefined, value: unknown): unknown {
  if (node?.type === 'integer' && Number.isInteger(value)) return BigInt(Number(value))
  if (Array.isArray(value)) return value.map((item) => celValue(node?.items, item))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, celValue(node && memberNode(node, name), member)]),
  )
}

function memberNode({ properties, additionalProperties }: SchemaNode, name: string): SchemaNode | undefined {
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name]
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
