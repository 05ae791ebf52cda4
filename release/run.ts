import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { helmPrograms, installHelm } from '../charts/testing/helm-programs.ts'
import { settleArchive } from './archive.ts'
import { changelog, parseLog } from './changelog.ts'
import { checkRemovable, git, previousTag, uncommitted } from './checkout.ts'
import { productionSbom, settleSbom } from './sbom.ts'
import { otherVersions } from './versions.ts'

const usage = `Makes the files of a release; the image is built by image/build.sh or by the workflow.

node release/run.ts [options]
  --folder DIR      where to (dist); what is in it is removed
  --since REVISION  where the changelog begins (the newest tag before this commit, else the first commit; tags of
                    prereleases count for prereleases alone)
  --tag TAG         the tag of this release: refused unless it is v and the version of package.json and of the chart,
                    and where something is not committed

HELM names a helm to package the chart with, in place of the one that the chart's tests use.
`

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)

const { values: options } = parseArgs({
  options: {
    folder: { type: 'string', default: 'dist' },
    since: { type: 'string' },
    tag: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) say(usage)
else await release(resolve(options.folder))

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function release(folder: string): Promise<void> {
  const version = await checkedVersion()
  await checkCommitted()
  await checkRemovable(folder, root)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const created = (await git(root, 'log', '-1', '--date=format-local:%Y-%m-%dT%H:%M:%SZ', '--format=%cd')).trim()
  const title = `certctl-${version}`

  // So many digits everywhere: git's own number of them depends on how much a clone holds.
  const format = ['--no-merges', '--abbrev=10', '--format=%x00%h%x09%s', '--name-only']
  const log = await git(root, 'log', ...format, await commitRange(version))
  await write('CHANGELOG.md', changelog({ version, date: created.slice(0, 10), commits: parseLog(log) }))

  await write(`${title}.sbom.cdx.json`, settleSbom(await productionSbom(root), { name: 'certctl', created }))

  await write('crds.yaml', await output(process.execPath, ['operator/main.ts', 'crd', 'print']))
  await output(await helm(), ['package', join(root, 'charts', 'certctl'), '--destination', folder])
  await settleArchive(join(folder, `${title}.tgz`), Number(await git(root, 'log', '-1', '--format=%ct')))
  const sources = join(folder, `${title}.tar.gz`)
  await git(root, 'archive', '--format=tar.gz', `--prefix=${title}/`, `--output=${sources}`, 'HEAD')
  await write('SHA256SUMS', await checksums(folder))
  say(`made ${(await readdir(folder)).toSorted().join(', ')} in ${folder}`)

  async function write(name: string, text: string): Promise<void> {
    await writeFile(join(folder, name), text)
  }
}

/** The version of this checkout. Throws where the places that say it, or the tag, don't agree. */
async function checkedVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const differing = otherVersions(
    version,
    await readFile(join(root, 'charts', 'certctl', 'Chart.yaml'), 'utf8'),
    await readFile(join(root, 'docker-compose.yml'), 'utf8'),
  )
  if (differing.length > 0)
    throw new Error(`package.json is ${version}, but ${differing.join(', ')}; make them the same`)
  if (options.tag !== undefined && options.tag !== `v${version}`)
    throw new Error(`the tag is ${options.tag} and package.json ${version}; tag v${version}, or change the version`)
  return version
}

/** Throws, or without a tag only warns, where the files would not be those of the commit. */
async function checkCommitted(): Promise<void> {
  const changes = await uncommitted(root)
  if (changes.length === 0) return
  const what = `not everything is committed: ${changes.map((line) => line.slice(3)).join(', ')}`
  if (options.tag !== undefined) throw new Error(`${what}; commit it, or remove it`)
  process.stderr.write(`warning: ${what}; these files are no release\n`)
}

async function commitRange(version: string): Promise<string> {
  const since = options.since ?? (await previousTag(root, version))
  return since === '' ? 'HEAD' : `${since}..HEAD`
}

async function helm(): Promise<string> {
  if (process.env['HELM'] !== undefined) return process.env['HELM']
  await installHelm(say)
  const program = helmPrograms.find(({ major }) => major === 3)
  if (program === undefined) throw new Error('there is no Helm 3 among those that charts are tested with')
  return program.file
}

/** As `sha256sum --check` reads it. */
async function checksums(folder: string): Promise<string> {
  const names = (await readdir(folder)).toSorted()
  const lines = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(folder, name)))
    return `${hash.digest('hex')}  ${name}\n`
  })
  return (await Promise.all(lines)).join('')
}

async function output(program: string, words: readonly string[]): Promise<string> {
  const env = { ...process.env, NODE_USE_SYSTEM_CA: '1' }
  return (await run(program, words, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 })).stdout
}
