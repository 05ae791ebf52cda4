import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { checkRemovable, git, previousTag, uncommitted } from './checkout.ts'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'certctl-checkout-')))
after(() => rmSync(scratch, { recursive: true }))

/** A repository with a file in src/, and a commit for each list of tags. */
async function repository(name: string, commits: readonly (readonly string[])[]): Promise<string> {
  const folder = join(scratch, name)
  mkdirSync(join(folder, 'src'), { recursive: true })
  await git(folder, 'init', '--quiet')
  for (const [index, tags] of commits.entries()) {
    writeFileSync(join(folder, 'src', 'file'), `${index}\n`)
    await git(folder, 'add', '.')
    const author = ['-c', 'user.name=Somebody', '-c', 'user.email=somebody@example.com', '-c', 'commit.gpgSign=false']
    await git(folder, ...author, 'commit', '--quiet', '--message', `Change ${index}`)
    for (const tag of tags) await git(folder, '-c', 'tag.gpgSign=false', 'tag', tag)
  }
  return folder
}

test('the changelog of a release begins at the release before, and that of a prerelease at either', async () => {
  const folder = await repository('tags', [['v0.1.0'], ['v0.2.0-rc1'], ['other'], ['v0.2.0']])
  assert.equal(await previousTag(folder, '0.2.0'), 'v0.1.0')
  assert.equal(await previousTag(folder, '0.2.0-rc2'), 'v0.2.0-rc1')
})

test('the changelog of the first release begins at the first commit, prereleases or none', async () => {
  assert.equal(await previousTag(await repository('first', [[], ['v0.1.0-rc1'], ['v0.1.0']]), '0.1.0'), '')
  assert.equal(await previousTag(await repository('only', [['v0.1.0']]), '0.1.0'), '')
})

test('what is not committed is named: changed, added and new files, and none that git ignores', async () => {
  const folder = await repository('changed', [[]])
  writeFileSync(join(folder, '.git', 'info', 'exclude'), '/ignored\n')
  writeFileSync(join(folder, 'ignored'), '')
  assert.deepEqual(await uncommitted(folder), [])
  writeFileSync(join(folder, 'src', 'file'), 'changed\n')
  writeFileSync(join(folder, 'added'), '')
  await git(folder, 'add', 'added')
  writeFileSync(join(folder, 'new'), '')
  assert.deepEqual(await uncommitted(folder), ['A  added', ' M src/file', '?? new'])
})

test('folders of a release may be removed, and none that hold something else of worth', async () => {
  const folder = await repository('removed', [[]])
  symlinkSync(scratch, join(scratch, 'link'))
  mkdirSync(join(folder, 'dist'))
  mkdirSync(join(scratch, 'removed-not'))
  for (const removable of [join(folder, 'dist'), join(scratch, 'removed-not'), join(scratch, 'missing')]) {
    await checkRemovable(removable, folder)
  }
  const linked = join(scratch, 'link', 'removed')
  for (const holder of [folder, dirname(folder), '/', homedir(), dirname(homedir()), linked]) {
    await assert.rejects(checkRemovable(holder, folder), /is or holds .* and would be removed/, holder)
  }
  for (const part of [join(folder, 'src'), join(folder, '.git'), join(folder, '.git', 'objects')]) {
    await assert.rejects(checkRemovable(part, folder), /is a part of the checkout/, part)
  }
})
