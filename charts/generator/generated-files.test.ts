import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chartFolder, generatedFiles } from './generated-files.ts'

const generated = await generatedFiles()

for (const { path, content } of generated) {
  test(`charts/certctl/${path} is fresh (make chart-generate)`, () => {
    assert.ok(
      readFileSync(join(chartFolder, path), 'utf8') === content,
      'run make chart-generate and commit what changed',
    )
  })
}

test('the chart has no CustomResourceDefinition that crds/ lacks', () => {
  const expected = generated.map(({ path }) => path).filter((path) => path.startsWith('files/crds/'))
  const present = readdirSync(join(chartFolder, 'files', 'crds')).map((name) => join('files', 'crds', name))
  assert.deepEqual(present.toSorted(), expected.toSorted())
})
