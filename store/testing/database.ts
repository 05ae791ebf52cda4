import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { type Db, type OpenDatabase, openDatabase } from '../database.ts'
import { migrateToLatest } from '../migrate.ts'
import { startPostgres } from './postgres.ts'

/** How tests/run.ts tells the processes of a run of their common server: the URL of its database `postgres`. */
export const SERVER_VARIABLE = 'CERTCTL_TEST_POSTGRES_URL'

const TEMPLATE = 'certctl_template'

export type DatabaseKind = 'postgres' | 'pglite'

export interface TestDatabase extends OpenDatabase {
  /** For other processes; a PGlite has none. */
  url: string | undefined
}

/** An empty, migrated database of one's own. Closing it drops it. */
export async function openTestDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === 'postgres' ? cloneDatabase() : openPglite()
}

/**
 * A copy of the migrated template on the run's server, or on one that this process starts for itself and that ends
 * with it. Closing it drops it.
 */
export async function cloneDatabase(options: { poolSize?: number } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer((db) => sql`create database ${sql.id(name)} template ${sql.id(TEMPLATE)}`.execute(db))
  const url = databaseUrl(await serverUrl(), name)
  const database = await openDatabase({ url, ...options })
  return {
    ...database,
    url,
    async close() {
      await database.close()
      await administer((db) => sql`drop database if exists ${sql.id(name)} with (force)`.execute(db))
    },
  }
}

/** A database without any schema, for the tests of the migrations. */
export async function createEmptyDatabase(): Promise<string> {
  const name = `empty_${randomBytes(6).toString('hex')}`
  await administer((db) => sql`create database ${sql.id(name)}`.execute(db))
  return databaseUrl(await serverUrl(), name)
}

/** Makes the database that all others are copied from. */
export async function createTemplate(adminUrl: string): Promise<void> {
  const admin = await openDatabase({ url: adminUrl, poolSize: 1 })
  await sql`create database ${sql.id(TEMPLATE)}`.execute(admin.db)
  await admin.close()
  const template = await openDatabase({ url: databaseUrl(adminUrl, TEMPLATE), poolSize: 1 })
  await migrateToLatest(template.db)
  await template.close()
}

async function openPglite(): Promise<TestDatabase> {
  const database = await openDatabase({ pgliteDir: 'memory' })
  await migrateToLatest(database.db)
  return { ...database, url: undefined }
}

let ownServer: Promise<string> | undefined

async function serverUrl(): Promise<string> {
  const shared = process.env[SERVER_VARIABLE]
  if (shared !== undefined) return shared
  ownServer ??= startOwnServer()
  return ownServer
}

async function startOwnServer(): Promise<string> {
  const server = await startPostgres()
  const url = server.url('postgres')
  await createTemplate(url)
  return url
}

/** One connection at a time, closed again: the server's connections are for the tests. */
async function administer(statement: (db: Db) => Promise<unknown>): Promise<void> {
  const admin = await openDatabase({ url: await serverUrl(), poolSize: 1 })
  try {
    await statement(admin.db)
  } finally {
    await admin.close()
  }
}

function databaseUrl(adminUrl: string, name: string): string {
  return adminUrl.replace(/\/[^/]*$/, `/${name}`)
}
