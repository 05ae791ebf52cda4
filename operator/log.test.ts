import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'

function logged(fields: object): Record<string, unknown> {
  const lines: string[] = []
  createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } }).info(fields, 'words')
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>
}

test('only the fields that are allowed are logged, the others are named', () => {
  const line = logged({ account: 'a', key: 'secret', token: 'secret', csr: 'secret' })
  assert.equal(line['account'], 'a')
  assert.deepEqual(line['notLogged'], ['key', 'token', 'csr'])
  assert.doesNotMatch(JSON.stringify(line), /secret/)
})

test('an error says its type, message and code, and nothing else that hangs on it', () => {
  const cause = Object.assign(new Error('inner'), { parameters: ['secret'] })
  const error = Object.assign(new Error('outer', { cause }), { code: '57014', detail: 'secret', where: 'secret' })
  const line = logged({ err: error })
  assert.match(JSON.stringify(line), /"code":"57014".*"message":"inner"/)
  assert.doesNotMatch(JSON.stringify(line), /secret/)
})

test('nested objects are held to the same rules', () => {
  const line = logged({
    problem: { type: 'dns', detail: 'words', key: 'secret', cause: { cause: { cause: { key: 'secret' } } } },
  })
  assert.match(JSON.stringify(line), /"detail":"words"/)
  assert.doesNotMatch(JSON.stringify(line), /secret/)
})

test('long text is cut and bytes are not shown', () => {
  const line = logged({ detail: 'x'.repeat(5000), identifier: new Uint8Array(3) })
  assert.equal(String(line['detail']).length, 1001)
  assert.equal(line['identifier'], '[object]')
})

test('a child keeps to the same rules', () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  log.child({ requestId: 'r', key: 'secret' }).info({ status: 200 }, 'words')
  assert.match(lines[0] ?? '', /"requestId":"r"/)
  assert.doesNotMatch(lines[0] ?? '', /secret/)
})
