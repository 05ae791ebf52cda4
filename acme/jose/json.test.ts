import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AcmeProblem } from '../problems.ts'
import { parseJsonObject } from './json.ts'

const parse = (text: string | Uint8Array) => parseJsonObject(Buffer.from(text), 'The thing')

test('a JSON object is parsed as JSON.parse would', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(parse(text), JSON.parse(text))
    }),
  )
})

const refused: Record<string, string | Uint8Array> = {
  'an array': '[]',
  'a string': '"a"',
  null: 'null',
  nothing: '',
  'what is not JSON': '{a:1}',
  'a second value': '{}{}',
  'a byte order mark': '\uFEFF{}',
  'bytes that are not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  'an overlong encoding': Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]),
  'a member that is there twice': '{"a":1,"b":2,"a":1}',
  'a member that is there twice, once escaped': '{"a":1,"\\u0061":2}',
  'a member that is there twice in an inner object': '{"a":[{"b":{"c":1,"c":2}}]}',
  'a member that is there twice around an inner object': '{"a":{"b":1},"a":2}',
  'a member that is there twice after a string full of signs': '{"a":"\\\\\\"}:{","a":2}',
}

for (const [what, text] of Object.entries(refused)) {
  test(`a JSON object is not ${what}`, () => {
    assert.throws(
      () => parse(text),
      (error) => error instanceof AcmeProblem && error.type === 'malformed',
    )
  })
}

test('a name may return in another object, and in values', () => {
  assert.deepEqual(parse('{"a":{"a":"a"},"b":[{"a":1},{"a":2}],"c":"\\"a\\":"}'), {
    a: { a: 'a' },
    b: [{ a: 1 }, { a: 2 }],
    c: '"a":',
  })
})

test('a repeated member is found wherever it is put', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), fc.jsonValue(), (before, name, after) => {
      const member = `${JSON.stringify(name)}:0`
      const text = `{"x":${JSON.stringify(before)},"y":[{${member},"z${name.length}":${JSON.stringify(after)},${member}}]}`
      assert.throws(() => parse(text), AcmeProblem)
    }),
  )
})

test('bytes of any kind are an object or malformed, nothing else', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          parse(bytes)
        } catch (error) {
          assert.ok(error instanceof AcmeProblem)
        }
      },
    ),
  )
})
