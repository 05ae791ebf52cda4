import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { crdFolder } from './testing/crd-schema.ts'

const main = join(import.meta.dirname, 'main.ts')

function certctl(...words: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const program = execFile(process.execPath, [main, ...words], (_error, stdout, stderr) => {
      resolve({ exitCode: program.exitCode ?? -1, stdout, stderr })
    })
  })
}

test('crd print prints what can be applied', async () => {
  const { exitCode, stdout } = await certctl('crd', 'print')
  assert.equal(exitCode, 0)
  const names = [...parseAllDocuments(stdout)].map((document) => document.getIn(['metadata', 'name']))
  assert.deepEqual(names, ['issuers.certctl.io', 'certificateprofiles.certctl.io'])
})

test('crd print writes a file for each into a folder', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'certctl-crds-'))
  t.after(() => rm(folder, { recursive: true }))
  assert.equal((await certctl('crd', 'print', '--folder', folder)).exitCode, 0)
  const files = (await readdir(folder)).toSorted()
  assert.deepEqual(files, ['certctl.io_certificateprofiles.yaml', 'certctl.io_issuers.yaml'])
  for (const file of files) {
    assert.equal(await readFile(join(folder, file), 'utf8'), await readFile(join(crdFolder, file), 'utf8'))
  }
})

test('crd alone, or with another word, is told what to write', async () => {
  for (const words of [['crd'], ['crd', 'show']]) {
    const { exitCode, stderr } = await certctl(...words)
    assert.equal(exitCode, 2)
    assert.match(stderr, /did you mean crd print\?/)
  }
})
