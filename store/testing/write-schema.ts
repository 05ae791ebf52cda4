import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cloneDatabase } from './database.ts'
import { dumpSchema } from './schema-dump.ts'

/* node store/testing/write-schema.ts: writes store/schema.sql anew, after a migration was added. */

const database = await cloneDatabase()
await writeFile(join(import.meta.dirname, '..', 'schema.sql'), await dumpSchema(database.db))
await database.close()
