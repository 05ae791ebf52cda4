import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cacheFolder = join(import.meta.dirname, '..', '..', '.cache', 'prometheus')
const programs = ['promtool', 'prometheus'] as const
type Program = (typeof programs)[number]

const fileOf = (program: Program): string => join(cacheFolder, program)

/** Where the program is; undefined where it could not be had. With CI_REQUIRE_TOOLS=1 that is an error. */
export function findProgram(program: Program): string | undefined {
  if (existsSync(fileOf(program))) return fileOf(program)
  if (process.env['CI_REQUIRE_TOOLS'] === '1') throw new Error(`${program} is missing: make chart-tools fetches it`)
  return undefined
}

/** Takes both programs out of Debian's package, where there is apt: nothing is installed, and nothing started. */
export async function installPrometheus(say: (line: string) => void): Promise<void> {
  if (programs.every((program) => existsSync(fileOf(program)))) return
  if (!existsSync('/usr/bin/apt-get')) return say('no Prometheus: tests of alerts and scraping will be skipped')
  say("fetching Debian's prometheus")
  await mkdir(cacheFolder, { recursive: true })
  const folder = await mkdtemp(join(cacheFolder, 'unpacking-'))
  try {
    const download = (): Promise<unknown> => run('apt-get', ['download', '-qq', 'prometheus'], { cwd: folder })
    // The package lists of a fresh machine are missing, and those of an old one name versions that are gone.
    await download().catch(async () => {
      await run('apt-get', ['update', '-qq'])
      await download()
    })
    const [archive = ''] = (await readdir(folder)).filter((name) => name.endsWith('.deb'))
    await run('dpkg-deb', ['-x', join(folder, archive), folder])
    for (const program of programs) {
      await copyFile(join(folder, 'usr', 'bin', program), join(folder, program))
      await rename(join(folder, program), fileOf(program))
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
