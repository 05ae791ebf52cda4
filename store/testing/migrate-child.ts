import { openDatabase } from '../database.ts'
import { migrateToLatest } from '../migrate.ts'

/* Migrates the database that the argument names, and prints what it applied: one of many that do it at once. */

const database = await openDatabase({ url: process.argv[2] ?? '', poolSize: 1 })
console.log(JSON.stringify(await migrateToLatest(database.db)))
await database.close()
