import { openDatabase } from '../store/database.ts'
import { databaseWords } from '../store/errors.ts'
import { migrateToLatest } from '../store/migrate.ts'
import { readConfig, SettingsError } from './config.ts'

/**
 * `certctl migrate`: brings the schema of CERTCTL_DATABASE_URL up to this version, as every server does at its start,
 * and says what was done; 1 where the database is away or refuses. Servers of the version before run on meanwhile.
 */
export async function migrate(): Promise<0 | 1> {
  try {
    const applied = await migrateDatabase()
    process.stdout.write(applied.length > 0 ? `applied ${applied.join(', ')}\n` : 'the schema is up to date\n')
    return 0
  } catch (error) {
    const words = error instanceof SettingsError ? error.message : databaseWords(error)
    if (words === undefined) throw error
    process.stderr.write(`${words}\n`)
    return 1
  }
}

async function migrateDatabase(): Promise<readonly string[]> {
  const url = readConfig().config.databaseUrl
  if (url === undefined) {
    const remedy = 'set it to a Postgres; an embedded database is migrated when it is opened'
    throw new SettingsError([{ name: 'CERTCTL_DATABASE_URL', remedy }])
  }
  const database = await openDatabase({ url, poolSize: 1, applicationName: 'certctl migrate' })
  try {
    return await migrateToLatest(database.db)
  } finally {
    await database.close()
  }
}
