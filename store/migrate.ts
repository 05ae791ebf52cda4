import { sql } from 'kysely'
import type { Db, Trx } from './database.ts'
import { statements as tables } from './migrations/0001-tables.ts'
import { statements as functions } from './migrations/0002-functions.ts'
import { statements as operator } from './migrations/0003-operator.ts'

/**
 * In order of application. A migration that was released is never edited, and each must leave the database usable by
 * the code before it, which runs on while a new version rolls out.
 */
const MIGRATIONS: readonly { name: string; statements: readonly string[] }[] = [
  { name: '0001-tables', statements: tables },
  { name: '0002-functions', statements: functions },
  { name: '0003-operator', statements: operator },
]

/** Any constant that no other application of the same database uses. */
const MIGRATION_LOCK = 0x63_65_72_74

/**
 * Brings the schema up to this version of the code, all of it or nothing. Any number of processes may call it at
 * once: one migrates, the others wait for it. Returns the names of the migrations this call applied.
 */
export async function migrateToLatest(db: Db): Promise<string[]> {
  if (await schemaIsCurrent(db)) return []
  return db.transaction().execute(async (trx) => {
    // Neither waiting for another process nor a rewrite of a large table has to end within a request's time.
    await sql`set local statement_timeout = 0`.execute(trx)
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(trx)
    await sql`create table if not exists schema_migrations (
      name text primary key,
      applied_at timestamptz not null default clock_timestamp()
    )`.execute(trx)
    return applyPending(trx)
  })
}

/** Whether every migration this code needs has been applied. Those of a later version do no harm. */
export async function schemaIsCurrent(db: Db): Promise<boolean> {
  const { rows } = await sql<{ exists: boolean }>`
    select to_regclass('schema_migrations') is not null as exists`.execute(db)
  if (rows[0]?.exists !== true) return false
  const applied = await appliedMigrations(db)
  return MIGRATIONS.every(({ name }) => applied.has(name))
}

async function applyPending(trx: Trx): Promise<string[]> {
  const applied = await appliedMigrations(trx)
  const pending = MIGRATIONS.filter(({ name }) => !applied.has(name))
  for (const { name, statements } of pending) {
    for (const statement of statements) await sql.raw(statement).execute(trx)
    await sql`insert into schema_migrations (name) values (${name})`.execute(trx)
  }
  return pending.map(({ name }) => name)
}

async function appliedMigrations(db: Db): Promise<Set<string>> {
  const { rows } = await sql<{ name: string }>`select name from schema_migrations`.execute(db)
  return new Set(rows.map(({ name }) => name))
}
