import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readManifests } from './folder.ts'
import { mistakeLine, objectTitle } from './manifest.ts'
import { parseManifests } from './parse.ts'
import { watchManifests } from './watch.ts'

const issuer = `apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: {name: internal-ca}
spec: {type: SelfSigned, selfSigned: {subject: {commonName: Example}}}
`

function parse(text: string): ReturnType<typeof parseManifests> {
  return parseManifests('a.yaml', text, { defaultNamespace: 'certctl' })
}

const broken: readonly [what: string, text: string, place: string, words: RegExp][] = [
  [
    'a tab as indent',
    'apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata:\n\tname: a\n',
    '4:1',
    /YAML wants spaces/,
  ],
  ['a key that stands twice', `${issuer}kind: Issuer\n`, '5:1', /stands twice/],
  ['a string that is not closed', 'apiVersion: "certctl.io\nkind: Issuer\n', '3:1', /closing "quote/],
  ['a flow map that is not closed', 'metadata: {name: a\nkind: Issuer\n', '2:1', /flow map/],
  ['a list item at the wrong place', 'spec:\n  a: 1\n  - b\n', '3:3', /not readable as YAML/],
  ['an indent that matches nothing', 'spec:\n    a: 1\n  b: 2\n', '3:1', /not readable as YAML/],
  ['an unknown tag', 'spec: !secret a\n', '1:7', /tag/],
  ['an alias to nowhere', 'spec: *nowhere\n', '1:7', /alias/],
  ['a colon too many', 'kind: Issuer: x\n', '1:7', /not readable as YAML/],
  ['a bare list', '- a\n- b\n', '1:1', /not an object/],
  ['a bare word', 'hello\n', '1:1', /not an object/],
  ['broken JSON', '{"kind": "Issuer",, }', '1:19', /not readable as YAML/],
  ['no apiVersion', 'kind: Issuer\n', '1:1', /apiVersion is missing; add apiVersion: certctl\.io\/v1alpha1/],
  ['no kind', 'apiVersion: certctl.io/v1alpha1\n', '1:1', /kind is missing; write one of Issuer/],
  ['a misspelt kind', 'apiVersion: certctl.io/v1alpha1\nkind: Isuer\n', '2:1', /did you mean Issuer\?/],
  [
    'a kind of the future',
    'apiVersion: certctl.io/v1alpha1\nkind: Thing\n',
    '2:1',
    /write one of Issuer, CertificateProfile/,
  ],
  ['another version', 'apiVersion: certctl.io/v1\nkind: Issuer\n', '1:1', /write certctl\.io\/v1alpha1/],
  ['a misspelt group', 'apiVersion: cerctl.io/v1alpha1\nkind: Issuer\n', '1:1', /did you mean certctl\.io\/v1alpha1\?/],
  ['no metadata', 'apiVersion: certctl.io/v1alpha1\nkind: Issuer\n', '1:1', /Issuer metadata is missing/],
  [
    'no name',
    'apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata: {namespace: a}\n',
    '3:1',
    /metadata\.name is missing/,
  ],
  [
    'a name with a dot',
    'apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata:\n  name: a.b\n',
    '4:3',
    /not a DNS label/,
  ],
  [
    'a name that is a number',
    'apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata:\n  name: 5\n',
    '4:3',
    /must be a string, not a number/,
  ],
]

for (const [what, text, place, words] of broken) {
  test(`${what} is reported where it stands`, () => {
    const { manifests, mistakes, complete } = parse(text)
    const lines = mistakes.map(mistakeLine)
    assert.ok(
      lines.some((line) => line.startsWith(`a.yaml:${place}: `) && words.test(line)),
      lines.join('\n') || 'nothing reported',
    )
    assert.equal(complete, false, 'an object may be hidden in what can not be read')
    assert.deepEqual(manifests, [])
  })
}

test('a file may hold many documents, empty ones and JSON', () => {
  const json = '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"ca-key","namespace":"team-a"}}'
  const { manifests, mistakes, complete } = parse(`---\n# nothing\n---\n${issuer}---\n${json}\n...\n`)
  assert.deepEqual(mistakes, [])
  assert.equal(complete, true)
  assert.deepEqual(manifests.map(objectTitle), ['Issuer certctl/internal-ca', 'Secret team-a/ca-key'])
})

test('a Secret may have dots in its name, as in Kubernetes', () => {
  const { manifests, mistakes } = parse('{apiVersion: v1, kind: Secret, metadata: {name: ca.example}}')
  assert.deepEqual(mistakes, [])
  assert.deepEqual(manifests.map(objectTitle), ['Secret certctl/ca.example'])
})

test('one broken document does not hide the others of its file', () => {
  const { manifests, mistakes } = parse(`spec: *nowhere\n---\n${issuer}`)
  assert.equal(manifests.length, 1)
  assert.equal(mistakes.length, 1)
})

test('objects of others are passed over', () => {
  const { ignored, mistakes, complete } = parse('apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n')
  assert.deepEqual(ignored, ['v1 Namespace'])
  assert.deepEqual(mistakes, [])
  assert.equal(complete, true)
})

test('aliases that multiply are refused before they fill the memory', () => {
  const levels = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 9; level++) {
    const [name, above] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)]
    levels.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${above}`).join(', ')}]`)
  }
  const { mistakes } = parse(`${levels.join('\n')}\n`)
  assert.match(mistakes[0]?.message ?? '', /aliases; write the values out/)
})

test('a field is found through lists, aliases and missing members', () => {
  const { manifests } = parse(`${issuer.replace(/spec.*\n/, '')}spec:\n  x: &x\n    y:\n      - z\n  w: *x\n`)
  const placeOf = manifests[0]?.placeOf ?? (() => assert.fail())
  assert.deepEqual(placeOf(['spec', 'x', 'y', 0]), { file: 'a.yaml', line: 7, column: 9 })
  assert.deepEqual(placeOf(['spec', 'w', 'y']), { file: 'a.yaml', line: 6, column: 5 })
  assert.deepEqual(placeOf(['spec', 'missing', 'deep']), { file: 'a.yaml', line: 4, column: 1 })
})

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'certctl-manifests-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('an object that stands twice is named with both places and taken from neither', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'a.yaml'), issuer)
  await writeFile(
    join(folder, 'b.yml'),
    `# again\n${issuer.replace('{name: internal-ca}', '{name: internal-ca, namespace: certctl}')}`,
  )
  const { manifests, ambiguous, mistakes, complete } = await readManifests(folder, { defaultNamespace: 'certctl' })
  assert.deepEqual(manifests, [])
  assert.equal(ambiguous.length, 2)
  assert.equal(complete, true)
  const lines = mistakes.map(mistakeLine)
  assert.match(lines[0] ?? '', /a\.yaml:1:1: Issuer certctl\/internal-ca stands in .*b\.yml:2:1 too/)
  assert.match(lines[1] ?? '', /b\.yml:2:1: .* stands in .*a\.yaml:1:1 too/)
})

test('only manifests are read, and a file that can not be read is a mistake', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'a.yaml'), issuer)
  await writeFile(join(folder, '.hidden.yaml'), 'broken: [')
  await writeFile(join(folder, 'notes.txt'), 'broken: [')
  await mkdir(join(folder, 'folder.yaml'))
  const { manifests, mistakes, complete } = await readManifests(folder, { defaultNamespace: 'certctl' })
  assert.equal(manifests.length, 1)
  assert.equal(mistakes.length, 1)
  assert.match(mistakes[0]?.message ?? '', /EISDIR/)
  assert.equal(complete, false)
})

test('a change of the folder is noticed', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'a.yaml'), issuer)
  let changes = 0
  const watch = await watchManifests({ folder, intervalSeconds: 0.1, onChange: () => changes++ })
  t.after(() => watch.close())
  await sleep(250)
  assert.equal(changes, 0)
  await writeFile(join(folder, 'a.yaml'), `${issuer}# more\n`)
  await sleep(400)
  assert.ok(changes >= 1, 'the new text was not noticed')
  const before = changes
  await rm(join(folder, 'a.yaml'))
  await sleep(400)
  assert.ok(changes > before, 'the deletion was not noticed')
})
