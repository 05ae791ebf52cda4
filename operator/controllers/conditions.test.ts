import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { issuerReasons, profileReasons } from './conditions.ts'

const root = join(import.meta.dirname, '..', '..')

test('docs/kubernetes.md explains every reason of a condition, and no other', () => {
  const text = readFileSync(join(root, 'docs/kubernetes.md'), 'utf8')
  const explained = new Set([...text.matchAll(/^\| `(\w+)` +\| (?:both|Issuer|Profile) /gm)].map((match) => match[1]))
  const types = new Set<string>(['Accepted', 'ResolvedRefs', 'Synced', 'Ready', 'ClusterIssuer'])
  const reasons = [issuerReasons, profileReasons].flatMap((lists) => Object.values(lists).flat())
  assert.deepEqual(explained, new Set(reasons.filter((reason) => !types.has(reason))))
})
