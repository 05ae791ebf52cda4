import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64url, encodeBase64url } from './base64url.ts'

test('what is encoded decodes to the same bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.deepEqual(decodeBase64url(encodeBase64url(bytes)), Buffer.from(bytes))
    }),
  )
})

test('a value has one spelling: whatever decodes is what encoding gives', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('A', 'Q', 'g', 'w', '_', '-', '+', '/', '=', '.', ' '), maxLength: 12 }),
      (text) => {
        const bytes = decodeBase64url(text)
        if (bytes) assert.equal(encodeBase64url(bytes), text)
      },
    ),
  )
})

const refused = {
  padding: 'QQ==',
  'base64 of the other alphabet': '+/8',
  'stray bits at the end': 'QR',
  'an impossible length': 'A',
  'a line break': 'QUJD\nQUJD',
  'a blank': 'QU JD',
  'a character beyond ASCII': 'QUJDé',
}

for (const [what, text] of Object.entries(refused)) {
  test(`decoding refuses ${what}`, () => assert.equal(decodeBase64url(text), undefined))
}
