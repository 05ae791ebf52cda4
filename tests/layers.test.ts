import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** Which folders' modules a folder may import, beside its own. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  ca: [],
  store: ['ca'],
  acme: ['ca', 'store'],
  operator: ['acme', 'ca', 'store'],
  charts: ['operator'],
  e2e: [],
  bench: [],
  tests: [],
}

const files = Object.keys(allowed).flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
const sources = files.filter((file) => !isTestCode(file))

function isTestCode(file: string): boolean {
  return file.endsWith('.test.ts') || file.includes('/testing/') || /^(e2e|bench|tests)\//.test(file)
}

/** These see the program from outside. They may share the clients and servers that other tests play, and nothing else. */
function isBlackBox(folder: string): boolean {
  return folder === 'e2e' || folder === 'bench' || folder === 'tests'
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:\bfrom|\bimport\()\s*'(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(file), match[1] ?? '')),
  )
}

function folderOf(file: string): string {
  return file.split('/', 1)[0] ?? ''
}

test('there are source files to judge', () => {
  assert.ok(sources.length > 50, `${sources.length} files`)
})

test('imports point one way: operator -> acme -> ca and store, store -> ca', () => {
  const wrong = files.flatMap((file) => {
    const folder = folderOf(file)
    return importsOf(file)
      .filter((imported) => !(isBlackBox(folder) && isTestCode(imported)))
      .filter((imported) => folderOf(imported) !== folder && !allowed[folder]?.includes(folderOf(imported)))
      .map((imported) => `${file} imports ${imported}`)
  })
  assert.deepEqual(wrong, [])
})

test('no source imports test code', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter(isTestCode)
      .map((imported) => `${file} imports ${imported}`),
  )
  assert.deepEqual(wrong, [])
})

test('the X.509 engine is reached through its contract, ca/index.ts', () => {
  const wrong = sources
    .filter((file) => folderOf(file) !== 'ca')
    .flatMap((file) => importsOf(file).map((imported) => ({ file, imported })))
    .filter(({ imported }) => folderOf(imported) === 'ca' && imported !== 'ca/index.ts')
  assert.deepEqual(wrong, [])
})

test('the X.509 engine knows neither network, database nor file system', () => {
  const forbidden =
    /(?<!isIPv4, isIPv6 }) from '(node:(http|https|net|tls|dns|fs|fs\/promises)|express|kysely|pg|pino|zod|yaml)'/
  assert.deepEqual(
    sources.filter((file) => folderOf(file) === 'ca' && forbidden.test(readFileSync(join(root, file), 'utf8'))),
    [],
  )
})

/** Only these may: the settings, the clock, and what is told in place of them. */
const rules = [
  { what: 'process.env', pattern: /process\.env\b/, only: 'operator/config.ts' },
  { what: 'the clock of the machine', pattern: /\bDate\.now\(|new Date\(\)/, only: 'operator/clock.ts' },
]

for (const { what, pattern, only } of rules) {
  test(`${what} is read in ${only} alone`, () => {
    const wrong = sources.filter(
      (file) => file !== only && pattern.test(withoutComments(readFileSync(join(root, file), 'utf8'))),
    )
    assert.deepEqual(wrong, [])
  })
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
}
