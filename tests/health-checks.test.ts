import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { unsafeHealthChecks } from './health-checks.ts'

const root = join(import.meta.dirname, '..')
const places = [
  '**/*{Dockerfile,Containerfile}*',
  '**/*.{dockerfile,containerfile}',
  '{**,.github/**}/*.{yml,yaml,tpl,txt,json}',
]
const files = globSync(places, {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|\.cache|\.git|values\.schema\.json)$/.test(path),
})

test('what has health checks is looked at', () => {
  const templates = ['deployment', 'postgresql'].map((name) => `charts/certctl/templates/${name}.yaml`)
  for (const file of ['Dockerfile', 'docker-compose.yml', ...templates]) {
    assert.ok(files.includes(file), file)
    assert.match(readFileSync(join(root, file), 'utf8'), /healthcheck|livenessProbe/i)
  }
})

for (const file of files) {
  test(`every health check in ${file} uses TLS`, () => {
    const found = unsafeHealthChecks(readFileSync(join(root, file), 'utf8'))
    assert.deepEqual(
      found.map(({ line, what }) => `${file}:${line}: ${what}`),
      [],
    )
  })
}
