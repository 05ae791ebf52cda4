import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { applyUpdate, isUpdate } from './dns-update.ts'

// Made by github.com/miekg/dns, which is what cert-manager speaks: add, and take away, the TXT record `proof-of-control`
// of _acme-challenge.a.e2e.example.com, signed with this key.
const key = { name: 'e2e-key', secret: Buffer.from('a secret that only tests know...') }
const addition =
  'EmcoAAABAAAAAQABA2UyZQdleGFtcGxlA2NvbQAABgABD19hY21lLWNoYWxsZW5nZQFhA2UyZQdleGFtcGxlA2NvbQAAEAABAAAAPAAREHByb29mLW9mLWNvbnRyb2wHZTJlLWtleQAA+gD/AAAAAAA9C2htYWMtc2hhMjU2AAAAa0nSAAEsACBZLrkudzopVr3ALW9AU+unmQ0SB8VwqOBTqBOyQm5tbRJnAAAAAA=='
const removal =
  'EmcoAAABAAAAAQABA2UyZQdleGFtcGxlA2NvbQAABgABD19hY21lLWNoYWxsZW5nZQFhA2UyZQdleGFtcGxlA2NvbQAAEAD+AAAAAAAREHByb29mLW9mLWNvbnRyb2wHZTJlLWtleQAA+gD/AAAAAAA9C2htYWMtc2hhMjU2AAAAa0nSAAEsACDzNM+6YTqKrNYQpf3WI4yAtRs9C8/EXmW93KxVFhB+gBJnAAAAAA=='
const owner = '_acme-challenge.a.e2e.example.com'

test('a signed update adds a record beside others, and another takes it away', async (t) => {
  const txtDir = await txtFolder(t)
  const records = (): Promise<string> => readFile(join(txtDir, owner), 'utf8')
  assert.equal(responseCode(await applyUpdate(Buffer.from(addition, 'base64'), txtDir, key)), 0)
  assert.equal(await records(), 'earlier\nproof-of-control\n')
  assert.equal(responseCode(await applyUpdate(Buffer.from(removal, 'base64'), txtDir, key)), 0)
  assert.equal(await records(), 'earlier\n')
})

test('the response is to that message and says that it was an update', async (t) => {
  const response = await applyUpdate(Buffer.from(addition, 'base64'), await txtFolder(t), key)
  assert.equal(response.readUInt16BE(0), 4711)
  assert.ok(isUpdate(response))
})

test('an update that was changed on the way, or signed with another key, is refused and changes nothing', async (t) => {
  const txtDir = await txtFolder(t)
  const changed = Buffer.from(addition, 'base64')
  changed.write('proof-of-nothing', changed.indexOf('proof-of-control'))
  const notAuthorised = 9
  assert.equal(responseCode(await applyUpdate(changed, txtDir, key)), notAuthorised)
  for (const other of [
    { ...key, secret: Buffer.from('another') },
    { ...key, name: 'other-key' },
  ]) {
    assert.equal(responseCode(await applyUpdate(Buffer.from(addition, 'base64'), txtDir, other)), notAuthorised)
  }
  assert.equal(await readFile(join(txtDir, owner), 'utf8'), 'earlier\n')
})

async function txtFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'txt-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, owner), 'earlier\n')
  return folder
}

function responseCode(response: Buffer): number {
  return (response[3] ?? 0) & 15
}
