import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, mustRun } from './buildah.ts'
import { inherited } from '../harness/environment.ts'

const checkout = join(import.meta.dirname, '..', '..')
const manifests = ['package.json', 'package-lock.json', '.npmrc']

/**
 * A folder from which `npm ci --omit=dev` installs the packages of the lock file without any network. Filled with this
 * machine's npm, its registry, proxy and certificates; kept until the lock file changes.
 */
export async function npmCache(say: (line: string) => void): Promise<string> {
  const lock = await readFile(join(checkout, 'package-lock.json'))
  const folder = join(cacheFolder, `npm-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`)
  if (existsSync(folder)) return folder
  say('fetching the packages of the lock file (once for each lock file; half a minute)')
  const project = await mkdtemp(join(tmpdir(), 'certctl-npm-'))
  const unfinished = `${folder}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  try {
    for (const name of manifests) await cp(join(checkout, name), join(project, name))
    const args = ['-n', '10', 'npm', 'ci', '--omit=dev', '--cache', unfinished, '--loglevel=error']
    await mustRun('nice', args, { cwd: project, env: inherited(), seconds: 600 })
    for (const name of await readdir(cacheFolder)) {
      if (/^npm-[0-9a-f]{16}$/.test(name)) await rm(join(cacheFolder, name), { recursive: true, force: true })
    }
    await rename(unfinished, folder)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
    await rm(project, { recursive: true, force: true })
  }
  return folder
}
