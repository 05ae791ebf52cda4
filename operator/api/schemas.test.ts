import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { certificateProfileSpec } from './certificate-profile.ts'
import { issuerSpec } from './issuer.ts'

type Schema = z.core.JSONSchema.BaseSchema

/** Every node of a schema with its path. */
function* nodes(schema: Schema, path: string): Generator<[path: string, node: Schema]> {
  yield [path, schema]
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (typeof member === 'object') yield* nodes(member, `${path}.${name}`)
  }
  if (typeof schema.items === 'object' && !Array.isArray(schema.items)) yield* nodes(schema.items, `${path}[]`)
}

const forbidden = ['oneOf', 'anyOf', 'allOf', 'not', '$ref', 'definitions', 'const', 'uniqueItems']

for (const [name, schema] of Object.entries({ issuerSpec, certificateProfileSpec })) {
  const root = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' })

  test(`${name} makes a structural schema, as CRDs need it`, () => {
    for (const [path, node] of nodes(root, name)) {
      assert.equal(typeof node.type, 'string', `${path} has no type`)
      for (const word of forbidden) assert.ok(!Object.hasOwn(node, word), `${path} has ${word}`)
    }
  })

  test(`${name} describes every field and bounds every list and every text that rules look at`, () => {
    for (const [path, node] of nodes(root, name)) {
      const isItem = path.endsWith('[]')
      if (!isItem) assert.ok((node.description ?? '').length > 5, `${path} has no description`)
      if (node.type === 'array') assert.equal(typeof node.maxItems, 'number', `${path} has no maxItems`)
      if (node.type === 'string' && node.enum === undefined && node.pattern === undefined) {
        assert.equal(typeof node.maxLength, 'number', `${path} has no maxLength`)
      }
    }
  })

  test(`${name} carries its rules in CEL`, () => {
    const rules = [...nodes(root, name)].flatMap(([, node]) => {
      const given: unknown = node['x-kubernetes-validations']
      return Array.isArray(given) ? given : []
    })
    assert.ok(rules.length >= 5, `${rules.length} rules`)
    for (const rule of rules) assert.match(JSON.stringify(rule), /"rule":".*self.*","message":"..../)
  })
}
