import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openDatabase } from './database.ts'
import { migrateToLatest, schemaIsCurrent } from './migrate.ts'
import { createEmptyDatabase, openTestDatabase } from './testing/database.ts'
import { dumpSchema } from './testing/schema-dump.ts'

const run = promisify(execFile)

test('ten processes that start at once on an empty database migrate it once', async () => {
  const url = await createEmptyDatabase()
  const child = join(import.meta.dirname, 'testing', 'migrate-child.ts')
  const outputs = await Promise.all(Array.from({ length: 10 }, () => run(process.execPath, [child, url])))
  const applied = outputs.map(({ stdout }) => JSON.parse(stdout) as string[]).filter((names) => names.length > 0)
  assert.deepEqual(applied, [['0001-tables', '0002-functions', '0003-operator']])

  const database = await openDatabase({ url })
  assert.equal(await schemaIsCurrent(database.db), true)
  assert.deepEqual(await migrateToLatest(database.db), [])
  await database.close()
})

test('a database without any schema is not current', async () => {
  const database = await openDatabase({ url: await createEmptyDatabase() })
  assert.equal(await schemaIsCurrent(database.db), false)
  await database.close()
})

for (const kind of ['postgres', 'pglite'] as const) {
  test(`schema.sql is what the migrations make on ${kind}; store/testing/write-schema.ts writes it`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const expected = await readFile(join(import.meta.dirname, 'schema.sql'), 'utf8')
    assert.equal(await dumpSchema(database.db), expected)
  })
}
