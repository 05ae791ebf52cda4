import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { findGo, GoMissing, isOlder } from './go.ts'

test('versions are compared number by number', () => {
  for (const [version, than, expected] of [
    ['1.9', '1.26.0', true],
    ['1.26', '1.26.0', false],
    ['1.26.0', '1.26.1', true],
    ['1.30.1', '1.26.0', false],
    ['2.0', '1.26.0', false],
    ['1.26.8', '1.26.0', false],
  ] as const) {
    assert.equal(isOlder(version, than), expected, `${version} ${than}`)
  }
})

test('a machine without Go is told what is missing and where to get it', async () => {
  await assert.rejects(findGo('1.26.0', ['/nowhere']), (error) => {
    assert.ok(error instanceof GoMissing)
    assert.match(error.message, /is not on this machine.*Install Go 1\.26\.0 or newer/)
    return true
  })
})

test('a Go that is too old is named with its version', async (t) => {
  const folder = await pretendedGo(t, 'go version go1.19.8 linux/amd64')
  await assert.rejects(findGo('1.26.0', [folder]), (error) => {
    assert.ok(error instanceof GoMissing)
    assert.match(error.message, /\/go is Go 1\.19\.8, too old/)
    return true
  })
})

test('the first Go of the path is taken', async (t) => {
  const folder = await pretendedGo(t, 'go version go1.26.8 linux/amd64')
  assert.equal(await findGo('1.26.0', ['/nowhere', folder, '/elsewhere']), join(folder, 'go'))
})

/** A folder with a program `go` that says this. */
async function pretendedGo(t: TestContext, words: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'go-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'go'), `#!/bin/sh\necho '${words}'\n`)
  await chmod(join(folder, 'go'), 0o755)
  return folder
}
