import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createTemplate, SERVER_VARIABLE } from '../store/testing/database.ts'
import { startPostgres } from '../store/testing/postgres.ts'

/*
 * node tests/run.ts [--option…] [file or folder…]
 *
 * Runs the tests in these places, by default all but what needs Helm, with one Postgres for all of them. In bench and e2e
 * these are tests of the harnesses: what they run for is no test file.
 * Options go to `node --test`.
 */

const root = join(import.meta.dirname, '..')
const everywhere = ['acme', 'bench', 'ca', 'charts/generator', 'e2e', 'operator', 'release', 'store', 'tests']

function testFiles(places: readonly string[]): string[] {
  return places.flatMap((place) =>
    statSync(join(root, place)).isDirectory() ? globSync(join(place, '**/*.test.ts'), { cwd: root }) : [place],
  )
}

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const places = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const files = testFiles(places.length > 0 ? places : everywhere).toSorted()

const server = await startPostgres()
const url = server.url('postgres')
await createTemplate(url)

const concurrency = `--test-concurrency=${Math.min(availableParallelism(), 8)}`
const tests = spawn(process.execPath, ['--test', concurrency, ...options, ...files], {
  cwd: root,
  env: { ...process.env, [SERVER_VARIABLE]: url },
  stdio: 'inherit',
})
const [code] = await once(tests, 'exit')
await server.stop()
process.exitCode = code === 0 ? 0 : 1
