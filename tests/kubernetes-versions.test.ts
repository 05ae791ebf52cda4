import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { isOlder } from '../e2e/cluster/build/go.ts'
import { versionOf } from '../e2e/cluster/build/programs.ts'

const root = join(import.meta.dirname, '..')

test('the oldest Kubernetes of the tests is the oldest that the chart is for', async () => {
  const chart = parse(readFileSync(join(root, 'charts/certctl/Chart.yaml'), 'utf8')) as { kubeVersion: string }
  const oldest = await versionOf('oldest')
  assert.equal(chart.kubeVersion, `>=${oldest.replace(/\d+$/, '0')}-0`)
  assert.ok(isOlder(oldest, await versionOf('newest')))
})

test("Kubernetes' own modules are those of the release that is built", () => {
  const files = globSync('e2e/cluster/tools/kubernetes*/go.mod', { cwd: root })
  assert.equal(files.length, 2)
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8')
    const release = /\bk8s\.io\/kubernetes v1\.(\S+)/.exec(text)?.[1]
    const replacements = [...text.matchAll(/^\tk8s\.io\/\S+ => (k8s\.io\/\S+) (\S+)$/gm)]
    assert.ok(replacements.length > 20, `${file} replaces ${replacements.length}`)
    const others = replacements.filter(([, , version]) => version !== `v0.${release}`)
    assert.deepEqual(
      others.map(([line]) => line),
      [],
      file,
    )
  }
})
