import fc from 'fast-check'
import type { SchemaNode } from './crd-schema.ts'
import { validSpecs } from './valid-specs.ts'

type Path = readonly (string | number)[]

/** Objects that were valid until one or two of their fields were set to anything, or taken away. */
export function mutatedSpecs(kind: 'Issuer' | 'CertificateProfile', schema: SchemaNode): fc.Arbitrary<unknown> {
  const objects = validSpecs.filter((one) => one.kind === kind).map(({ object }) => object)
  const spec = schema.properties?.['spec'] ?? {}
  const places = [...placesIn(spec, ['spec'])]
  const mutation = fc
    .constantFrom(...places)
    .chain(({ path, node }) => fc.record({ path: fc.constant(path), value: valueFor(node) }))
  return fc
    .tuple(fc.constantFrom(...objects), fc.array(mutation, { minLength: 1, maxLength: 2 }))
    .map(([object, mutations]) => {
      let mutated = object
      for (const { path, value } of mutations) mutated = withValue(mutated, path, value)
      return mutated
    })
}

/** Every field that there may be, and the first item of every list. */
function* placesIn(node: SchemaNode, path: Path): Generator<{ path: Path; node: SchemaNode }> {
  yield { path, node }
  for (const [name, member] of Object.entries(node.properties ?? {})) yield* placesIn(member, [...path, name])
  if (node.items !== undefined) yield* placesIn(node.items, [...path, 0])
}

/** Sets a field; undefined takes it away. Where there is no way to it, there is nothing to change. */
function withValue(object: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value
  if (Array.isArray(object) && typeof step === 'number') {
    const changed = withValue(object[step], rest, value)
    return changed === undefined ? object.toSpliced(step, 1) : object.toSpliced(step, 1, changed)
  }
  if (typeof object !== 'object' || object === null || typeof step === 'number') return object
  const changed = withValue(Reflect.get(object, step) ?? (rest.length > 0 ? empty(rest) : undefined), rest, value)
  const { [step]: _, ...others } = Object.fromEntries(Object.entries(object))
  return changed === undefined ? others : { ...others, [step]: changed }
}

function empty([next]: Path): unknown {
  return typeof next === 'number' ? [] : {}
}

const names = ['', ' ', 'a', 'A', 'a.b', 'a-', '-a', 'a_b', 'a/b', 'a\n', 'é', 'DE', 'de']
const lengths = ['🔑'.repeat(40), 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(253), 'x'.repeat(254)]
const durations = ['0', '0s', '5', '5m', '1.5h', '1.h', '90s', '24h', '-5m', '1h 5m', '5M', '3650d', '99999999999h']
const networks = ['10.0.0.0/8', '10.0.0.0', 'fd00::/8', '10.0.0.0/', '/8', '10.0.0.10:53', '[fd00::10]:53', 'a.b:53']
const patterns = ['*.example.com', '**.example.com', '*', '*.*.a', '.example.com', 'Example.com', 'a.', 'ex_ample.com']
const pages = [
  'https://a.example',
  'http://a/b?c#d',
  'ftp://a',
  'https://',
  'https://a b',
  'HTTPS://a',
  'http://[::1]:80/',
]

/** Texts that are right somewhere, and their like that are wrong. */
const texts = [...names, ...lengths, ...durations, ...networks, ...patterns, ...pages]

/** The texts of all enums, so that a field also gets what is right for another. */
const words = [
  'SelfSigned',
  'External',
  'Parent',
  'Selector',
  'All',
  'Same',
  'In',
  'Exists',
  'RSA',
  'P-256',
  'Challenge',
]

function valueFor(node: SchemaNode): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 8, arbitrary: valueOfType(node) },
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(null, 1, 0.5, true, 'x', [], {}, [null], { x: 1 }) },
  )
}

function valueOfType(node: SchemaNode): fc.Arbitrary<unknown> {
  switch (node.type) {
    case 'string':
      return textFor(node)
    case 'integer':
      return fc.constantFrom(...(node.enum ?? bounds(node)), 0.5, 1024, 2 ** 31)
    case 'boolean':
      return fc.boolean()
    case 'array':
      return fc.array(node.items === undefined ? fc.constant({}) : valueOfType(node.items), { maxLength: 3 })
    default:
      return objectFor(node)
  }
}

function textFor(node: SchemaNode): fc.Arbitrary<unknown> {
  if (node.enum !== undefined) return fc.constantFrom(...node.enum, ...words)
  const ownBounds = (node['x-kubernetes-validations'] ?? []).flatMap(({ rule }) =>
    [...rule.matchAll(/duration\('([^']+)'\)/g)].flatMap(([, text = '']) => [text, `${text}1s`]),
  )
  const anyText = fc.constantFrom(...texts)
  return ownBounds.length === 0 ? anyText : fc.oneof(anyText, fc.constantFrom(...ownBounds))
}

function bounds({ minimum = -1, maximum = 1_000_000 }: SchemaNode): readonly number[] {
  return [minimum - 1, minimum, maximum, maximum + 1]
}

function objectFor(node: SchemaNode): fc.Arbitrary<unknown> {
  if (node.additionalProperties !== undefined) {
    return fc.dictionary(fc.constantFrom('team', 'example.com/stage', 'a.b'), valueOfType(node.additionalProperties), {
      maxKeys: 3,
    })
  }
  const members = Object.entries(node.properties ?? {}).map(([name, member]) => [name, valueOfType(member)] as const)
  return fc.record(Object.fromEntries(members), { requiredKeys: [...(node.required ?? [])] })
}
