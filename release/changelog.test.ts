import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changelog, parseLog } from './changelog.ts'

const log = [
  '\0aaa1111\tServe from a snapshot\n\noperator/snapshot/snapshot.ts\noperator/snapshot/snapshot.test.ts\n',
  '\0bbb2222\tProve that <b> stays as it is\n\noperator/front.test.ts\n',
  '\0ccc3333\tRender a *budget*\n\ncharts/certctl/values.yaml\nREADME.md\n',
  '\0ddd4444\tMerge\n',
].join('')

test('the log of git becomes commits', () => {
  const commits = parseLog(log)
  assert.equal(commits.length, 4)
  assert.deepEqual(commits[2], {
    hash: 'ccc3333',
    subject: 'Render a *budget*',
    files: ['charts/certctl/values.yaml', 'README.md'],
  })
})

test('each commit is in one section, the first that it touches, and sections without any are left out', () => {
  assert.equal(
    changelog({ version: '1.2.3', date: '2026-01-31', commits: parseLog(log) }),
    `# certctl 1.2.3 (2026-01-31)

## Server and operator

- Serve from a snapshot (aaa1111)

## Chart

- Render a \\*budget\\* (ccc3333)

## Tests and tools

- Prove that \\<b\\> stays as it is (bbb2222)
- Merge (ddd4444)
`,
  )
})

test('a release without commits says so', () => {
  assert.match(changelog({ version: '1.0.0', date: '2026-01-31', commits: [] }), /Nothing has changed/)
})
