import { ChildProcess, execFile, spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { chown, mkdtemp, readFile, statfs } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { promisify } from 'node:util'
import { findPostgresBinaries, type ServerUser } from './postgres-binaries.ts'

const run = promisify(execFile)

/** Nothing of a test survives it, so nothing needs to reach the disk. */
const SPEED_SETTINGS = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off', 'autovacuum=off']

const START_TIMEOUT_MS = 60_000

/**
 * The server is the child of a shell that ends it, and removes its folder, when our end of the pipe closes: however
 * this process dies, no server is left behind. A line on the pipe asks for a crash.
 */
const SUPERVISOR = `
  serve() { "$@" </dev/null & server=$!; }
  serve "$@"
  while read -r _; do kill -QUIT $server; wait $server; serve "$@"; done
  kill -INT $server; wait $server; rm -rf "$0"`

export interface PostgresServer {
  /** The URL of one of its databases. */
  url(database: string): string
  /**
   * Stops it as `pg_ctl stop -m immediate` does, and starts it again: what was not yet in the log is lost, and
   * unlogged tables are emptied.
   */
  crash(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a private Postgres on a unix socket, owned by an unprivileged user if we are root. It does not keep this
 * process alive, and ends with it. Settings are added to those that make it fast: the last of a name counts.
 */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const user = await serverUser()
  const folder = await mkdtemp(join(await fastestFolder(), 'certctl-postgres-'))
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  const binaries = await findPostgresBinaries(folder, user)
  const data = join(folder, 'data')
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']
  await run(join(binaries, 'initdb'), initdb, { ...user, cwd: '/' })

  const options = [`unix_socket_directories=${folder}`, 'listen_addresses=', 'max_connections=300', ...SPEED_SETTINGS]
  const command = [join(binaries, 'postgres'), '-D', data, ...[...options, ...settings].flatMap((text) => ['-c', text])]
  return supervise(folder, command, user)
}

const memoryFolder = '/dev/shm'
const enoughOctets = 2 * 1024 ** 3

/** Databases are made and dropped by the hundred: with files in memory that takes a seventh of the time. */
async function fastestFolder(): Promise<string> {
  const facts = await statfs(memoryFolder).catch(() => undefined)
  return facts !== undefined && facts.bavail * facts.bsize >= enoughOctets ? memoryFolder : tmpdir()
}

async function supervise(
  folder: string,
  command: readonly string[],
  user: ServerUser | undefined,
): Promise<PostgresServer> {
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, folder, ...command], {
    ...user,
    cwd: '/',
    // A signal to the terminal's group, such as Ctrl-C, must leave the shell to its work.
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const log = createInterface({ input: child.stderr })
  const handles = [child, child.stdin, child.stderr].filter(
    (handle) => handle instanceof ChildProcess || handle instanceof Socket,
  )

  /** Only while we wait does the server keep this process alive. */
  const awaiting = async (event: Promise<unknown>): Promise<void> => {
    for (const handle of handles) handle.ref()
    await event
    for (const handle of handles) handle.unref()
  }
  await awaiting(ready(log))

  return {
    url: (database) => `postgres://postgres@${encodeURIComponent(folder)}/${database}`,
    crash() {
      child.stdin.write('crash\n')
      return awaiting(ready(log))
    },
    stop() {
      child.stdin.end()
      return awaiting(once(child, 'exit'))
    },
  }
}

async function ready(log: Interface): Promise<void> {
  const lines: string[] = []
  try {
    for await (const [line] of on(log, 'line', { signal: AbortSignal.timeout(START_TIMEOUT_MS) })) {
      lines.push(String(line))
      if (String(line).includes('database system is ready to accept connections')) return
    }
  } catch (error) {
    throw new Error(`Postgres did not start:\n${lines.join('\n')}`, { cause: error })
  }
}

/** Undefined where we are not root, and the server may run as we do. */
async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const users = new Map((await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => [line.split(':')[0], line]))
  const [, , uid, gid] = (users.get('postgres') ?? users.get('nobody') ?? '').split(':').map(Number)
  if (uid === undefined || gid === undefined) throw new Error('there is neither a user postgres nor nobody')
  return { uid, gid }
}
