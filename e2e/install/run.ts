import { parseArgs } from 'node:util'
import { GoMissing } from '../cluster/build/go.ts'
import { runChosen } from '../harness/chosen-cases.ts'
import { runAsRoot, whenCallerEnds } from '../harness/namespace.ts'
import { ToolMissing } from '../image/buildah.ts'
import { NodeUnfit } from '../node/unfit.ts'
import { allCases } from './all-cases.ts'
import type { InstallCase } from './cases.ts'
import { kind } from './kind.ts'
import { ownNode } from './own-node.ts'
import { runCases } from './runner.ts'
import { VenueMissing } from './venue.ts'

const usage = `Installs the chart in a real cluster of one node, which it builds and starts itself, and uses it.

node e2e/install/run.ts [options] [words]     (as root, or with sudo)
  words     run only cases whose name has one of these
  --kind    in a cluster of kind, for those who have Docker and kind
  --list    say which cases there are

The first run builds Kubernetes with Go and images with buildah, which takes a quarter of an hour; both are kept in .cache.
`

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    kind: { type: 'boolean', default: false },
    inside: { type: 'string' },
    supplies: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
})

const venue = options.kind ? kind : ownNode

/** When even a slow machine must be done. */
const longestMinutes = 30

/** What is missing, in words of their own. */
const isForPeople = [GoMissing, ToolMissing, NodeUnfit, VenueMissing]

process.exitCode = await runChosen(
  { usage, cases: allCases, words, help: options.help, list: options.list },
  async (cases) => (options.inside === undefined ? runOutside() : runInside(options.inside, cases)),
)

async function runOutside(): Promise<number> {
  const args = process.argv.slice(2)
  if (process.getuid?.() !== 0) return runAsRoot(import.meta.filename, args)
  try {
    return await venue.runInside(import.meta.filename, args)
  } catch (error) {
    if (!isForPeople.some((kind) => error instanceof kind)) throw error
    console.error(error instanceof Error ? error.message : error)
    return 1
  }
}

async function runInside(folder: string, cases: readonly InstallCase[]): Promise<number> {
  whenCallerEnds(() => process.exit(1))
  // Whatever makes temporary files makes them there.
  process.env['TMPDIR'] = folder
  setTimeout(() => {
    console.error(`It took longer than ${longestMinutes} minutes.`)
    process.exit(1)
  }, longestMinutes * 60_000).unref()
  const begun = performance.now()
  const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(0)} s`
  const { ground, programs } = await venue.open(folder, options.supplies)
  console.log(`the cluster was ready after ${seconds()}`)
  const { passed, failed } = await runCases(ground, programs, cases)
  console.log(`\n${seconds()}`)
  console.log(`${passed} passed, ${failed} failed`)
  // The namespaces end with their first process, and everything in them.
  process.exit(failed === 0 ? 0 : 1)
}
