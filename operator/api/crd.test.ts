import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { schemaMistakes } from '../testing/crd-linter.ts'
import { crdFolder, schemaOf, shippedSchema } from '../testing/crd-schema.ts'
import { crdFileName, crdYaml, customResourceDefinitions } from './crd.ts'

for (const crd of customResourceDefinitions()) {
  const name = crdFileName(crd)

  test(`crds/${name} is what the schemas say`, () => {
    const shipped = readFileSync(join(crdFolder, name), 'utf8')
    assert.equal(shipped, crdYaml(crd), 'a schema was changed; run: npm run -s certctl -- crd print --folder crds')
  })

  test(`crds/${name} is structural, bounded and described`, () => {
    assert.deepEqual(schemaMistakes(schemaOf(crd)), [])
  })

  test(`crds/${name} is small enough for the annotation that kubectl apply makes of it`, () => {
    assert.ok(JSON.stringify(crd).length < 128 * 1024)
  })
}

type Draft = Record<string, unknown>

/** Changes a node of a schema, found by the names on the way to it. */
function changed(path: readonly string[], change: (node: Draft) => void): ReturnType<typeof shippedSchema> {
  const schema = shippedSchema('Issuer')
  let node = schema as unknown as Draft
  for (const name of path) node = node[name] as Draft
  change(node)
  return schema
}

const spec = ['properties', 'spec']
const from = [...spec, 'properties', 'allowedProfiles', 'properties', 'namespaces', 'properties', 'from']
const selector = [...from.slice(0, -1), 'selector']
const labels = [...selector, 'properties', 'matchLabels']
const expressions = [...selector, 'properties', 'matchExpressions']
const status = ['properties', 'status', 'properties', 'conditions']

const mistakes: readonly (readonly [
  what: string,
  path: readonly string[],
  change: (node: Draft) => void,
  words: RegExp,
])[] = [
  ['a node without a type', from, (node) => delete node['type'], /spec\..*from has no type/],
  ['several types', from, (node) => (node['type'] = ['string', 'null']), /has no type/],
  ['a reference', from, (node) => (node['$ref'] = '#/definitions/x'), /has \$ref/],
  ['a junctor', from, (node) => (node['oneOf'] = []), /has oneOf/],
  ['a field without a description', from, (node) => delete node['description'], /has no description/],
  [
    'a text without an end',
    expressions.concat('items', 'properties', 'key'),
    (node) => delete node['maxLength'],
    /maxLength/,
  ],
  ['a list without an end', expressions, (node) => delete node['maxItems'], /maxItems/],
  ['a list of nothing', expressions, (node) => delete node['items'], /has no items/],
  ['a map without an end', labels, (node) => delete node['maxProperties'], /maxProperties/],
  ['a map with fields', labels, (node) => (node['properties'] = {}), /other ones too/],
  ['a closed object', labels, (node) => (node['additionalProperties'] = false), /only whether/],
  ['an unknown required field', selector, (node) => (node['required'] = ['x']), /requires x/],
  ['a set of objects', expressions, (node) => (node['x-kubernetes-list-type'] = 'set'), /set of objects/],
  [
    'a key that may be absent',
    status,
    (node) => (node['x-kubernetes-list-map-keys'] = ['observedGeneration']),
    /absent/,
  ],
  ['a map list without keys', status, (node) => delete node['x-kubernetes-list-map-keys'], /without keys/],
  ['a default in part', from.slice(0, -2), (node) => (node['default'] = {}), /without the defaults of its members/],
  [
    'a restriction of metadata',
    ['properties', 'metadata', 'properties'],
    (node) => (node['labels'] = {}),
    /metadata\.labels/,
  ],
  [
    'a rule without words',
    spec,
    (node) => (node['x-kubernetes-validations'] = [{ rule: 'has(self.type)', message: '' }]),
    /no message/,
  ],
  [
    'a rule about nothing',
    spec,
    (node) => (node['x-kubernetes-validations'] = [{ rule: 'true', message: 'is never wrong' }]),
    /does not look/,
  ],
  [
    'a rule with a reserved word',
    spec,
    (node) => (node['x-kubernetes-validations'] = [{ rule: 'has(self.namespace)', message: 'is missing' }]),
    /word of CEL/,
  ],
  [
    'a rule that blames what is no field',
    spec,
    (node) =>
      (node['x-kubernetes-validations'] = [{ rule: 'has(self.type)', message: 'is missing', fieldPath: '.typ' }]),
    /blames \.typ/,
  ],
]

for (const [what, path, change, words] of mistakes) {
  test(`the linter of schemas finds ${what}`, () => {
    const found = schemaMistakes(changed(path, change))
    assert.ok(
      found.some((mistake) => words.test(mistake)),
      found.join('\n') || 'nothing found',
    )
  })
}
