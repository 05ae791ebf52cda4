import type { SchemaNode, ValidationRule } from './crd-schema.ts'

/** What makes a schema not structural, wherever it stands, or what an API server does not take in a CRD. */
const forbidden = [
  '$ref',
  '$schema',
  'allOf',
  'anyOf',
  'const',
  'definitions',
  'dependencies',
  'deprecated',
  'discriminator',
  'id',
  'not',
  'oneOf',
  'patternProperties',
  'propertyNames',
  'readOnly',
  'uniqueItems',
  'writeOnly',
  'xml',
]

/** Words that the name of a field can't be in a rule, unless it is escaped. */
const reserved =
  /\.(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)\b/

/**
 * What an API server would not take in the schema of a CRD, or would take and then refuse rules for their cost; also
 * fields without a description, as descriptions are the reference that people read.
 */
export function schemaMistakes(root: SchemaNode): readonly string[] {
  const { metadata, apiVersion, kind, ...members } = root.properties ?? {}
  const foreign = Object.keys(metadata?.properties ?? {}).filter((name) => name !== 'name' && name !== 'generateName')
  return [
    ...foreign.map((name) => `metadata.${name} can not be restricted`),
    ...[metadata, apiVersion, kind].filter((one) => one?.type === undefined).map(() => 'a root member has no type'),
    ...ruleMistakes('the object', root),
    ...Object.entries(members).flatMap(([name, member]) => nodeMistakes(name, member)),
  ]
}

function nodeMistakes(path: string, node: SchemaNode): readonly string[] {
  const own = [
    ...forbidden.filter((word) => Object.hasOwn(node, word)).map((word) => `has ${word}`),
    ...(typeof node.type === 'string' ? [] : ['has no type']),
    ...(isWord(path, node) || (node.description ?? '').length > 5 ? [] : ['has no description']),
    ...boundMistakes(node),
    ...listMistakes(node),
    ...memberMistakes(node),
    ...(lacksDefaults(node) ? ['has a default without the defaults of its members'] : []),
  ]
  return [
    ...own.map((mistake) => `${path} ${mistake}`),
    ...ruleMistakes(path, node),
    ...Object.entries(node.properties ?? {}).flatMap(([name, member]) => nodeMistakes(`${path}.${name}`, member)),
    ...(typeof node.additionalProperties === 'object' ? nodeMistakes(`${path}{}`, node.additionalProperties) : []),
    ...(node.items === undefined ? [] : nodeMistakes(`${path}[]`, node.items)),
  ]
}

/** The words of a list are described with the list. */
function isWord(path: string, node: SchemaNode): boolean {
  return path.endsWith('[]') && node.enum !== undefined
}

function boundMistakes(node: SchemaNode): readonly string[] {
  const { type, maxLength, maxItems, maxProperties } = node
  if (type === 'string' && maxLength === undefined && node.enum === undefined) return ['has no maxLength']
  if (type === 'array' && maxItems === undefined) return ['has no maxItems']
  return node.additionalProperties !== undefined && maxProperties === undefined ? ['has no maxProperties'] : []
}

function listMistakes({ items, ...node }: SchemaNode): readonly string[] {
  if (node.type === 'array' && items === undefined) return ['has no items']
  const kind = node['x-kubernetes-list-type']
  if (kind === 'set' && items?.type === 'object') return ['is a set of objects']
  if (kind !== 'map') return []
  const keys = node['x-kubernetes-list-map-keys'] ?? []
  const optional = keys.filter((key) => !(items?.required ?? []).includes(key))
  return keys.length === 0
    ? ['is a map without keys']
    : optional.map((key) => `has the key ${key}, which may be absent`)
}

function memberMistakes({ properties, additionalProperties, required = [] }: SchemaNode): readonly string[] {
  return [
    ...(properties !== undefined && additionalProperties !== undefined ? ['has properties and other ones too'] : []),
    ...(typeof additionalProperties === 'boolean' ? ['says of additionalProperties only whether there are any'] : []),
    ...required
      .filter((name) => !Object.hasOwn(properties ?? {}, name))
      .map((name) => `requires ${name}, which it does not know`),
  ]
}

/** An API server judges a default by the rules before it fills in the defaults of members. */
function lacksDefaults(node: SchemaNode): boolean {
  const { properties, default: whole } = node
  if (properties === undefined || typeof whole !== 'object' || whole === null) return false
  return Object.entries(properties).some(
    ([name, member]) => member.default !== undefined && !Object.hasOwn(whole, name),
  )
}

function ruleMistakes(path: string, node: SchemaNode): readonly string[] {
  return (node['x-kubernetes-validations'] ?? []).flatMap((rule) =>
    oneRuleMistakes(node, rule).map((mistake) => `${path}: the rule ${rule.rule} ${mistake}`),
  )
}

function oneRuleMistakes(node: SchemaNode, { rule, message, fieldPath }: ValidationRule): readonly string[] {
  return [
    ...(rule.includes('self') ? [] : ['does not look at the object']),
    ...(reserved.test(rule) ? ['names a field by a word of CEL'] : []),
    ...(/^.{5,2048}$/.test(message) ? [] : ['has no message of one line']),
    ...(fieldPath === undefined || isField(node, fieldPath) ? [] : [`blames ${fieldPath}, which is no field`]),
  ]
}

function isField(node: SchemaNode, path: string): boolean {
  let current: SchemaNode | undefined = node
  for (const name of path.split('.').slice(1)) current = current?.properties?.[name]
  return current !== undefined && path.startsWith('.')
}
