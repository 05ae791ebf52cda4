import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../store/testing/postgres.ts'

/** One Postgres for all, as durable as in production. */
export interface Cluster {
  createDatabase(name: string): Promise<string>
  /** Ends it as a crash would, and starts it again after that time. */
  crash(outageMilliseconds: number): Promise<void>
  stop(): Promise<void>
}

/** The defaults of Postgres, against those that make tests fast. */
const durable = ['fsync=on', 'full_page_writes=on', 'synchronous_commit=on', 'autovacuum=on']

export async function startCluster(): Promise<Cluster> {
  const server = await startPostgres(durable)
  const adminUrl = server.url('postgres')
  return {
    async createDatabase(name) {
      await ask(adminUrl, `create database ${pg.escapeIdentifier(name)}`)
      return server.url(name)
    },
    async crash(outageMilliseconds) {
      const rows = await ask(adminUrl, `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`)
      // SIGQUIT is what `pg_ctl stop -m immediate` sends: no checkpoint, recovery from the log at the next start.
      process.kill(Number(rows[0]?.['pid']), 'SIGQUIT')
      await sleep(outageMilliseconds)
      await server.crash()
    },
    stop: () => server.stop(),
  }
}

/** On a connection of its own, since no other survives a crash. */
async function ask(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows
  } finally {
    await client.end()
  }
}
