import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { JsonSchemas } from './schemas.ts'

const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

const api = {
  definitions: {
    [quantity]: { type: 'string' },
    [objectMeta]: {
      type: 'object',
      properties: { labels: { type: 'object', additionalProperties: { type: 'string' } } },
    },
    Tree: {
      type: 'object',
      description: 'grows',
      properties: {
        description: { type: 'string', description: 'a member of this name' },
        size: { $ref: `#/definitions/${quantity}` },
        branches: { type: 'array', items: { $ref: '#/definitions/Tree' } },
      },
      'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Tree' }],
    },
    Unrelated: { type: 'object' },
  },
}

test('a schema is closed, holds what it refers to and nothing else, and takes numbers for quantities', () => {
  const schemas = new JsonSchemas(api)
  const gvk = 'x-kubernetes-group-version-kind'
  assert.deepEqual(schemas.find('v1', 'Tree'), {
    $ref: '#/definitions/Tree',
    definitions: {
      Tree: {
        type: 'object',
        properties: {
          description: { type: 'string' },
          size: { $ref: `#/definitions/${quantity}` },
          branches: { type: 'array', items: { $ref: '#/definitions/Tree' } },
        },
        additionalProperties: false,
        [gvk]: api.definitions.Tree[gvk],
      },
      [quantity]: { type: ['string', 'number'] },
    },
  })
  assert.equal(schemas.find('v2', 'Tree'), undefined)
})

test('a CustomResourceDefinition gives a schema for each of its versions', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'certctl-schemas-'))
  t.after(() => rm(folder, { recursive: true }))
  const port = { 'x-kubernetes-int-or-string': true, nullable: true }
  const free = { type: 'object', properties: { a: {} }, 'x-kubernetes-preserve-unknown-fields': true }
  const some = [{ properties: { port: { enum: [1] } } }]
  const spec = { type: 'object', properties: { port, free }, anyOf: some }
  const openAPIV3Schema = { type: 'object', properties: { metadata: { type: 'object' }, spec } }
  const versions = [{ name: 'v1', schema: { openAPIV3Schema } }]
  const definition = { spec: { group: 'example.com', names: { kind: 'Door' }, versions } }
  await writeFile(join(folder, 'doors.yaml'), JSON.stringify(definition))
  const schemas = new JsonSchemas(api)
  await schemas.addDefinitions(folder)
  const found = JSON.stringify(schemas.find('example.com/v1', 'Door'))
  assert.deepEqual(JSON.parse(found), {
    type: 'object',
    properties: {
      metadata: { $ref: `#/definitions/${objectMeta}` },
      spec: {
        type: 'object',
        properties: { port: { 'x-kubernetes-int-or-string': true, type: ['string', 'integer', 'null'] }, free },
        additionalProperties: false,
        anyOf: some,
      },
    },
    additionalProperties: false,
    definitions: {
      [objectMeta]: {
        type: 'object',
        properties: { labels: { type: 'object', additionalProperties: { type: 'string' } } },
        additionalProperties: false,
      },
    },
  })
})
