import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { otherVersions } from './versions.ts'

const root = join(import.meta.dirname, '..')
const read = (...path: readonly string[]): string => readFileSync(join(root, ...path), 'utf8')

test('package, chart and compose file say the same version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  assert.deepEqual(otherVersions(version, read('charts', 'certctl', 'Chart.yaml'), read('docker-compose.yml')), [])
})

test('each place that says another version is named', () => {
  const compose = 'image: ghcr.io/certctl/certctl:${CERTCTL_VERSION:-1.2.2}'
  assert.deepEqual(otherVersions('1.2.3', "version: 1.2.4\nappVersion: '1.2.3'\n", compose), [
    "the chart's version is 1.2.4",
    'the default of docker-compose.yml is 1.2.2',
  ])
  assert.deepEqual(otherVersions('1.2.3', 'version: 1.2.3\n', ''), [
    "the chart's appVersion is missing",
    'the default of docker-compose.yml is missing',
  ])
})
