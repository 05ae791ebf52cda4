import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'certctl-build-'))
after(() => rmSync(folder, { recursive: true }))

// In place of docker and buildah: says which BuildKit it has, or prints what it was to do, a word a line.
const script = `#!/bin/sh
if [ "$1 $2" != 'buildx inspect' ]; then printf '%s\\n' "$@"; exit; fi
printf 'Name:          some\\nDriver:        %s\\n\\nNodes:\\nDriver Options: network="host"\\n' "$DRIVER"
`
for (const name of ['docker', 'buildah']) writeFileSync(join(folder, name), script, { mode: 0o755 })

/** Runs image/build.sh with such a builder. */
function build(builder: 'docker' | 'buildah', env: Readonly<Record<string, string>> = {}) {
  const result = spawnSync(join(root, 'image', 'build.sh'), {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], BUILDER: join(folder, builder), REVISION: '', ...env },
  })
  assert.equal(result.status, 0, result.stderr)
  const words = result.stdout.split('\n')
  const labels = words.flatMap((word, index) => {
    const [name = '', value = ''] = words[index - 1] === '--label' ? word.split('=', 2) : []
    return name === '' ? [] : [[name, value] as const]
  })
  return {
    words,
    labels: Object.fromEntries(labels),
    warnings: result.stderr.split('\n').filter((line) => line !== ''),
  }
}

test('a BuildKit of its own sets the times of layers, and the one inside of Docker is not asked to, as it may refuse', () => {
  for (const driver of ['docker-container', 'kubernetes', 'remote']) {
    const { words, warnings } = build('docker', { DRIVER: driver })
    assert.ok(words.includes('type=docker,rewrite-timestamp=true'), driver)
    assert.deepEqual(warnings, [])
  }
  const { words, warnings } = build('docker', { DRIVER: 'docker' })
  assert.equal(words[words.indexOf('--output') + 1], 'type=docker')
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /docker buildx create --use/)
})

const base = 'org.opencontainers.image.base'
const made = 'io.certctl.build-image'

for (const builder of ['docker', 'buildah'] as const) {
  test(`labels of ${builder} say what the image is made on and with`, () => {
    const digest = `sha256:${'0'.repeat(64)}`
    const { words, labels } = build(builder, {
      BASE_IMAGE: `registry.example:5000/base:1@${digest}`,
      BUILD_IMAGE: `registry.example/node:26@${digest}`,
    })
    assert.ok(words.includes(`BASE_IMAGE=registry.example:5000/base:1@${digest}`))
    assert.equal(labels[`${base}.name`], 'registry.example:5000/base:1')
    assert.equal(labels[`${base}.digest`], digest)
    assert.equal(labels[made], `registry.example/node:26@${digest}`)
  })
}

test('without other images, they are those of the Dockerfile, and without a digest there is no label for one', () => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const { labels } = build('buildah')
  assert.ok(dockerfile.includes(`\nARG BASE_IMAGE=${labels[`${base}.name`]}\n`))
  assert.ok(dockerfile.includes(`\nARG BUILD_IMAGE=${labels[made]}\n`))
  assert.equal(labels[`${base}.digest`], undefined)
})
