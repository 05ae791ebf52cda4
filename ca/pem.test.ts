import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodePem, encodePem } from './pem.ts'
import { assertRefused } from './testing/builders.ts'

test('PEM survives encoding and decoding, in lines of 64 characters', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 })), (ders) => {
      const text = ders.map((der) => encodePem('CERTIFICATE', der)).join('')
      assert.ok(text.split('\n').every((line) => line.length <= 64))
      assert.deepEqual(
        decodePem(text, 'CERTIFICATE').map((der) => Uint8Array.from(der)),
        ders,
      )
    }),
  )
})

const good = encodePem('CERTIFICATE', Uint8Array.of(1, 2, 3))

test('decoding passes over text between the blocks and blocks of other labels, and takes CRLF', () => {
  const text = `subject=x\n${encodePem('EC PRIVATE KEY', Uint8Array.of(9))}${good.replaceAll('\n', '\r\n')}bye\n`
  assert.deepEqual(decodePem(text, 'CERTIFICATE').map(String), ['\x01\x02\x03'])
})

for (const [says, text] of [
  ['has no end', good.replace('-----END CERTIFICATE-----', '')],
  ['has no beginning', good.replace('-----BEGIN CERTIFICATE-----', '')],
  ['holds no base64', good.replace('AQID', 'AQ*D')],
  ['holds base64 that is cut short', good.replace('AQID', 'AQI')],
  ['holds base64 with loose bits', good.replace('AQID', 'AQJ=')],
  ['is empty', good.replace('AQID', '')],
  ['has headers', good.replace('AQID', 'Proc-Type: 4,ENCRYPTED\n\nAQID')],
] as const) {
  test(`decoding refuses a block that ${says}`, async () => {
    await assertRefused('pem-unparseable', () => decodePem(text, 'CERTIFICATE'))
  })
}
