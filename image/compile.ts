import { globSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

/*
 * node --random-seed=1 … image/compile.ts CACHE
 *
 * Loads every module of the program, so that Node keeps them compiled, types stripped, in the folder CACHE. The files
 * are the same each time if Node's hashes are seeded and no garbage collection runs meanwhile: see the Dockerfile.
 */

const [cache = ''] = process.argv.slice(2)
const program = join(import.meta.dirname, '..')

const { message } = enableCompileCache(cache)
if (message !== undefined) throw new Error(message)

// All but the module that runs a command when it is loaded.
const modules = globSync('{acme,ca,operator,store}/**/*.ts', { cwd: program }).filter(
  (path) => path !== 'operator/main.ts',
)
for (const path of modules.toSorted()) await import(join(program, path))
flushCompileCache()
