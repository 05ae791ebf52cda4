import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
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
const names = Object.keys(files)
const committed = 1_700_000_000

/** Packs the files in an order, each with a time, for an owner; and then as a release has them. */
async function settled(
  title: string,
  { order, time, owner }: { order: readonly string[]; time: number; owner: string },
): Promise<string> {
  mkdirSync(join(folder, 'certctl', 'templates'), { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text)
    utimesSync(join(folder, name), time, time)
  }
  const archive = join(folder, title)
  execFileSync('tar', ['-czf', archive, `--owner=${owner}`, `--group=${owner}`, ...order], { cwd: folder })
  await settleArchive(archive, committed)
  return archive
}

test('the same files give the same archive, whenever, in whatever order and by whomever they were packed', async () => {
  const first = await settled('first.tgz', { order: names, time: 1_600_000_000, owner: 'root:0' })
  const second = await settled('second.tgz', { order: names.toReversed(), time: 1_650_000_001, owner: 'x:1001' })
  assert.deepEqual(readFileSync(second), readFileSync(first))
})

test('it has the same files, of the time that was asked for', async () => {
  const archive = await settled('third.tgz', { order: names, time: 1_600_000_000, owner: 'x:1001' })
  const list = execFileSync('tar', ['-tvzf', archive, '--utc', '--full-time', '--numeric-owner'], { encoding: 'utf8' })
  for (const line of list.trim().split('\n')) assert.match(line, /^[-d]rw\S+ 0\/0 +\d+ 2023-11-14 22:13:20 certctl\//)
  for (const [name, text] of Object.entries(files)) {
    assert.equal(execFileSync('tar', ['-xzOf', archive, name], { encoding: 'utf8' }), text)
  }
})
