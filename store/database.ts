import { type Dialect, Kysely, type Transaction } from 'kysely'
import type { Database } from './schema.ts'

/** Any connection: statements commit on their own. */
export type Db = Kysely<Database>

/** An open transaction: a function that needs more than one statement to be whole asks for it. */
export type Trx = Transaction<Database>

export type DatabaseOptions =
  | { url: string; poolSize?: number; applicationName?: string }
  /** Postgres inside this process, for one process: a directory it keeps, or `memory`. */
  | { pgliteDir: string }

export interface PoolStats {
  total: number
  idle: number
  waiting: number
}

export interface OpenDatabase {
  db: Db
  readonly close: () => Promise<void>
  readonly poolStats: () => PoolStats
  /** Round trips made since it was opened. */
  readonly queryCount: () => number
}

/** What a kind of database adds to the dialect that speaks to it. */
export interface Connector {
  readonly dialect: Dialect
  readonly poolStats: () => PoolStats
}

/**
 * Opens a database without connecting yet: the first statement does, and each later one finds a working connection
 * by itself after the database was away.
 */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  const connector = await connect(options)
  let queries = 0
  const log = (): void => void (queries += 1)
  const db = new Kysely<Database>({ dialect: connector.dialect, log })
  return { db, close: () => db.destroy(), poolStats: connector.poolStats, queryCount: () => queries }
}

/** Either driver is loaded on demand: PGlite costs 250 MB that nobody with a Postgres should pay. */
async function connect(options: DatabaseOptions): Promise<Connector> {
  if ('url' in options) {
    const { connectPostgres } = await import('./postgres.ts')
    return connectPostgres(options)
  }
  const { connectPglite } = await import('./pglite.ts')
  return connectPglite(options.pgliteDir)
}
