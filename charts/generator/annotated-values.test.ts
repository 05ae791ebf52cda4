import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnnotationError, readAnnotatedValues } from './annotated-values.ts'
import { valuesSchema } from './values-schema.ts'
import { valuesTable } from './values-table.ts'

const text = `# About the file.

# -- A number | with a bar,
# on two lines.
# @schema {"minimum": 1}
replicas: 2
server:
  # -- First in its group.
  # @schema {"enum": ["a", "b"]}
  mode: a
  nested:
    # -- Deeper.
    # @shape prometheusLabels
    labels: { a: b }
# -- May be nothing.
# @schema {"type": ["string", "null"]}
none: x
# -- A list.
# @schema {"items": {"type": "object", "properties": {"name": {"type": "string"}}}}
objects: []
`

test('values have the description, default and schema that stand above them', () => {
  const values = readAnnotatedValues(text)
  assert.deepEqual(values[0], {
    kind: 'leaf',
    path: 'replicas',
    name: 'replicas',
    description: 'A number | with a bar, on two lines.',
    default: 2,
    schema: { type: 'integer', minimum: 1 },
  })
  const schema = valuesSchema(values)
  assert.deepEqual(schema['propertyNames'], { enum: ['replicas', 'server', 'none', 'objects'] })
  assert.deepEqual(schema['required'], ['replicas', 'server', 'objects'])
  assert.equal(schema['additionalProperties'], false)
  assert.deepEqual(schema['properties'], {
    replicas: { description: 'A number | with a bar, on two lines.', default: 2, type: 'integer', minimum: 1 },
    server: {
      type: 'object',
      additionalProperties: false,
      propertyNames: { enum: ['mode', 'nested'] },
      required: ['mode', 'nested'],
      properties: {
        mode: { description: 'First in its group.', default: 'a', type: 'string', enum: ['a', 'b'] },
        nested: {
          type: 'object',
          additionalProperties: false,
          propertyNames: { enum: ['labels'] },
          required: ['labels'],
          properties: {
            labels: {
              description: 'Deeper.',
              default: { a: 'b' },
              type: 'object',
              patternProperties: { '^[a-zA-Z_][a-zA-Z0-9_]*$': { type: 'string' } },
              additionalProperties: false,
            },
          },
        },
      },
    },
    none: { description: 'May be nothing.', default: 'x', type: ['string', 'null'] },
    objects: {
      description: 'A list.',
      default: [],
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        propertyNames: { enum: ['name'] },
        properties: { name: { type: 'string' } },
      },
    },
  })
})

test('the table has each value once, with what it may be', () => {
  const table = valuesTable(readAnnotatedValues(text))
  assert.match(table, /^### General$/m)
  assert.match(table, /^\| `replicas` \| `2` \| A number \\\| with a bar, on two lines\. \|$/m)
  assert.match(table, /^\| `server\.mode` \| `"a"` \| First in its group\. One of `a`, `b`\. \|$/m)
  assert.match(table, /^\| `server\.nested\.labels` \| `{"a":"b"}` \| Deeper\. \|$/m)
})

const mistakes = [
  { title: 'no description', values: 'a: 1', message: /^a: say what it is/ },
  { title: 'a list of anything', values: '# -- A list.\na: []', message: /^a: say what its items are/ },
  { title: 'an object of anything', values: 'b:\n  # -- An object.\n  a: {}', message: /^b\.a: say what it holds/ },
  {
    title: 'a shape that is not there',
    values: '# -- A.\n# @shape reources\na: {}',
    message: /^a: there is no @shape/,
  },
  { title: 'a schema that is no JSON', values: '# -- A.\n# @schema {min: 1}\na: 1', message: /^a: .*no JSON/ },
  { title: 'two values of one name', values: '# -- A.\na: 1\n# -- B.\na: 2', message: /unique/ },
]

for (const { title, values, message } of mistakes) {
  test(`refused is ${title}`, () => {
    assert.throws(
      () => readAnnotatedValues(values),
      (error) => error instanceof AnnotationError && message.test(error.message),
    )
  })
}
