import { rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { runChosen } from '../harness/chosen-cases.ts'
import { runAsRoot, runInPrivateNamespace, whenCallerEnds } from '../harness/namespace.ts'
import { Buildah, mustRun, ToolMissing } from './buildah.ts'
import type { ImageCase } from './cases.ts'
import { composeCases } from './cases/compose.ts'
import { configCases } from './cases/config.ts'
import { contentCases } from './cases/contents.ts'
import { runningCases } from './cases/running.ts'
import { type CertctlImage, certctlImage } from './certctl-image.ts'
import { Container } from './container.ts'

const usage = `Builds the container image without Docker and without a registry, and looks at it and runs it.

node e2e/image/run.ts [options] [words]     (as root, or with sudo)
  words     run only cases whose name has one of these
  --list    say which cases there are
  --keep    leave the working folder behind

The first run makes base images from Debian's packages and fetches npm's; they are kept in .cache/image.
`

const allCases: readonly ImageCase[] = [...configCases, ...contentCases, ...runningCases, ...composeCases]

/** Where the part with a network leaves what it has made for the part without. */
const imageFile = 'image.json'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    inside: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

process.exitCode = await runChosen(
  { usage, cases: allCases, words, help: options.help, list: options.list },
  async (cases) => (options.inside === undefined ? runOutside() : runInside(options.inside, cases)),
)

async function runOutside(): Promise<number> {
  const args = process.argv.slice(2)
  if (process.getuid?.() !== 0) return runAsRoot(import.meta.filename, args)
  const folder = await mkdtemp(join(tmpdir(), 'certctl-image-'))
  // Containers run as another user and must reach what is mounted for them.
  await chmod(folder, 0o755)
  try {
    // Out here is a network, which base images and packages come from.
    const image = await certctlImage(await Buildah.open(folder), { folder: join(folder, 'sources'), say: console.log })
    await writeFile(join(folder, imageFile), JSON.stringify(image))
    return await runInPrivateNamespace(import.meta.filename, [...args, '--inside', folder])
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error
    console.error(error.message)
    return 1
  } finally {
    if (options.keep) console.log(`The working folder is ${folder}`)
    else await rm(folder, { recursive: true })
  }
}

async function runInside(folder: string, cases: readonly ImageCase[]): Promise<number> {
  whenCallerEnds(() => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(1)
  })
  await mustRun('ip', ['link', 'set', 'lo', 'up'])
  const begun = performance.now()
  const buildah = await Buildah.open(folder)
  const image = JSON.parse(await readFile(join(folder, imageFile), 'utf8')) as CertctlImage
  let failed = 0
  for (const [index, each] of cases.entries()) {
    if (!(await runCase(each, { buildah, image, folder: join(folder, String(index)) }))) failed += 1
  }
  await buildah.close()
  console.log(`\n${((performance.now() - begun) / 1000).toFixed(0)} s`)
  console.log(`${cases.length - failed} passed, ${failed} failed`)
  // The namespace ends with its first process, and everything in it.
  process.exit(failed === 0 ? 0 : 1)
}

async function runCase(
  one: ImageCase,
  place: { buildah: Buildah; image: CertctlImage; folder: string },
): Promise<boolean> {
  const { buildah, image, folder } = place
  await mkdir(folder)
  const notes: string[] = []
  const begun = performance.now()
  const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(1)} s`
  let containers = 0
  try {
    await one.run({
      buildah,
      image,
      folder,
      note: (text) => void notes.push(text),
      container: (how) => {
        containers += 1
        return Container.create({ buildah, image: image.name, root: join(folder, `container-${containers}`) }, how)
      },
    })
    console.log(`ok   ${one.name} (${[seconds(), ...notes].join('; ')})`)
    return true
  } catch (error) {
    console.log(`FAIL ${one.name} (${[seconds(), ...notes].join('; ')}): ${inspect(error)}`)
    return false
  }
}
