import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '../store/database.ts'
import { schemaIsCurrent } from '../store/migrate.ts'
import { createEmptyDatabase } from '../store/testing/database.ts'
import { freePorts, runCertctl } from './testing/process.ts'

const migrate = (url?: string): ReturnType<typeof runCertctl> =>
  runCertctl(['migrate'], url === undefined ? {} : { CERTCTL_DATABASE_URL: url })

test('an empty database gets the schema, and one that has it stays as it is', async () => {
  const url = await createEmptyDatabase()
  const first = await migrate(url)
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stdout, /^applied 0001-tables, 0002-functions, /)
  const database = await openDatabase({ url, poolSize: 1 })
  try {
    assert.equal(await schemaIsCurrent(database.db), true)
  } finally {
    await database.close()
  }
  assert.deepEqual(await migrate(url), { code: 0, stdout: 'the schema is up to date\n', stderr: '' })
})

test('a database that is away, refuses or was not named is told in a line, without its password', async () => {
  const [port] = await freePorts()
  const away = await migrate(`postgres://certctl:geheim@localhost:${port}/certctl`)
  assert.equal(away.code, 1)
  assert.match(away.stderr, new RegExp(`^the database cannot be reached: .*ECONNREFUSED.*:${port}.*\\n$`))
  assert.ok(!away.stderr.includes('geheim'))

  const absent = new URL(await createEmptyDatabase())
  absent.pathname = '/absent'
  const refused = await migrate(absent.href)
  assert.equal(refused.code, 1)
  assert.equal(refused.stderr, 'database "absent" does not exist\n')

  const unnamed = await migrate()
  assert.equal(unnamed.code, 1)
  assert.match(unnamed.stderr, /CERTCTL_DATABASE_URL: set it to a Postgres; an embedded database is migrated when/)
})
