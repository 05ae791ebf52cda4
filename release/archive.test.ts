import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { settleArchive } from './archive.ts'

const folder = mkdtempSync(join(tmpdir(), 'certctl-archive-'))
after(() => rmSync(folder, { recursive: true }))

const files = {
  'certctl/Chart.yaml': 'name: certctl\n',
  'certctl/templates/empty.yaml': '',
  'certctl/values.yaml': 'x: 1\n'.repeat(300),
}
const committed = 1_700_000_000

/** Packs the files in an order, each with a time, for an owner. */
function pack({ order, time, owner }: { order: readonly string[]; time: number; owner: string }): Buffer {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, 'certctl', 'templates'), { recursive: true })
    writeFileSync(join(folder, name), text)
    utimesSync(join(folder, name), time, time)
  }
  return execFileSync('tar', ['-czf', '-', '--format=ustar', `--owner=${owner}`, `--group=${owner}`, ...order], {
    cwd: folder,
  })
}

const sorted = Object.keys(files).toSorted()
const first = settleArchive(pack({ order: sorted, time: 1_600_000_000, owner: 'root:0' }), committed)

test('the same files give the same archive, whenever, in whatever order and by whomever they were packed', () => {
  const second = pack({ order: sorted.toReversed(), time: 1_650_000_001, owner: 'somebody:1001' })
  assert.deepEqual(settleArchive(second, committed), first)
})

test('tar reads the same files out of it, with the time that was asked for', () => {
  const list = execFileSync('tar', ['-tvzf', '-', '--utc', '--full-time', '--numeric-owner'], {
    input: first,
    encoding: 'utf8',
  })
  const lines = list.trim().split('\n')
  assert.deepEqual(
    lines.map((line) => line.split(' ').at(-1)),
    sorted,
  )
  for (const line of lines) assert.match(line, /^-rw[-rw]+ 0\/0 +\d+ 2023-11-14 22:13:20 /)
  for (const [name, text] of Object.entries(files)) {
    assert.equal(execFileSync('tar', ['-xzOf', '-', name], { input: first, encoding: 'utf8' }), text)
  }
})

test('what is no plain file is refused, as its header is not all there is to it', () => {
  const withFolder = execFileSync('tar', ['-czf', '-', 'certctl/templates'], { cwd: folder })
  assert.throws(
    () => settleArchive(withFolder, committed),
    /^Error: certctl\/templates\/ in the archive is no plain file/,
  )
})
