import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const documents = ['README.md', 'ARCHITECTURE.md', ...globSync('{docs,bench,e2e}/**/*.md', { cwd: root })]

for (const document of documents) {
  const text = readFileSync(join(root, document), 'utf8')

  test(`${document} names files that exist`, () => {
    const named = [
      ...text.matchAll(/`((?:acme|bench|ca|charts|crds|docs|e2e|operator|rbac|store|tests)\/[\w./*<>-]*)`/g),
    ].map((match) => match[1] ?? '')
    const missing = named.filter((path) => globSync(path.replaceAll(/<\w+>/g, '*'), { cwd: root }).length === 0)
    assert.deepEqual(missing, [])
  })

  test(`${document} names make targets that exist`, () => {
    const makefile = readFileSync(join(root, 'Makefile'), 'utf8')
    const named = [...text.matchAll(/\bmake ([a-z][a-z0-9-]*)\b/g)].map((match) => match[1] ?? '')
    assert.deepEqual(
      named.filter((target) => !makefile.includes(`\n${target}:`) && inCode(text, target)),
      [],
    )
  })
}

/** Words such as "make sure" are no targets. */
function inCode(text: string, target: string): boolean {
  return text.includes(`\`make ${target}\``) || text.includes(`\nmake ${target}`)
}
