import { execFile } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, relative, sep } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What git prints in a checkout. Throws where git fails. */
export async function git(checkout: string, ...words: readonly string[]): Promise<string> {
  const env = { ...process.env, TZ: 'UTC' }
  return (await run('git', words, { cwd: checkout, env, maxBuffer: 64 * 1024 * 1024 })).stdout
}

/** The files that differ from the commit that is checked out or are not in it, as lines of git's short format. */
export async function uncommitted(checkout: string): Promise<string[]> {
  const text = await git(checkout, 'status', '--porcelain')
  return text.split('\n').filter((line) => line !== '')
}

/**
 * The newest tag before the commit that is checked out, where the changelog of a version begins; '' where there is none.
 * What was a prerelease has not been released: only another prerelease begins there.
 */
export async function previousTag(checkout: string, version: string): Promise<string> {
  const prereleases = version.includes('-') ? [] : ['--exclude=v*-*']
  const words = ['describe', '--tags', '--abbrev=0', '--match=v*', ...prereleases, 'HEAD^']
  return (await git(checkout, ...words).catch(() => '')).trim()
}

/**
 * Throws where a folder can't be removed with all that is in it: it holds the checkout or the home directory, or is a
 * part of the checkout that git knows.
 */
export async function checkRemovable(folder: string, checkout: string): Promise<void> {
  const real = await realpath(folder).catch(() => undefined)
  if (real === undefined) return
  const kept = await Promise.all([checkout, homedir()].map((path) => realpath(path).catch(() => path)))
  const held = kept.find((path) => holds(real, path))
  if (held !== undefined) throw new Error(`${folder} is or holds ${held} and would be removed; name another folder`)
  if (await isKnown(real, await realpath(checkout)))
    throw new Error(`${folder} is a part of the checkout and would be removed; name another folder`)
}

async function isKnown(folder: string, checkout: string): Promise<boolean> {
  if (!holds(checkout, folder)) return false
  if (relative(checkout, folder).split(sep)[0] === '.git') return true
  return (await git(checkout, 'ls-files', '--', folder)) !== ''
}

function holds(outer: string, inner: string): boolean {
  const path = relative(outer, inner)
  return !isAbsolute(path) && path.split(sep)[0] !== '..'
}
