import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cacheFolder = join(import.meta.dirname, '..', '..', '.cache', 'prometheus')
const file = join(cacheFolder, 'promtool')

/** Where promtool is; undefined where it could not be had. With CI_REQUIRE_TOOLS=1 that is an error. */
export function findPromtool(): string | undefined {
  if (existsSync(file)) return file
  if (process.env['CI_REQUIRE_TOOLS'] === '1') throw new Error('promtool is missing: make chart-tools fetches it')
  return undefined
}

/** Takes promtool out of Debian's package of Prometheus, where there is apt: nothing is installed, and nothing started. */
export async function installPromtool(say: (line: string) => void): Promise<void> {
  if (existsSync(file)) return
  if (!existsSync('/usr/bin/apt-get')) return say('no promtool: tests of the alerts will be skipped')
  say("fetching promtool from Debian's prometheus")
  await mkdir(cacheFolder, { recursive: true })
  const folder = await mkdtemp(join(cacheFolder, 'unpacking-'))
  try {
    await run('apt-get', ['download', '-qq', 'prometheus'], { cwd: folder })
    const [archive = ''] = (await readdir(folder)).filter((name) => name.endsWith('.deb'))
    await run('dpkg-deb', ['-x', join(folder, archive), folder])
    await copyFile(join(folder, 'usr', 'bin', 'promtool'), join(folder, 'promtool'))
    await rename(join(folder, 'promtool'), file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
