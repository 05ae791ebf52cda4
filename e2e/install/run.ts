import { parseArgs } from 'node:util'
import { helmPrograms, installHelm } from '../../charts/testing/helm-programs.ts'
import { GoMissing } from '../cluster/build/go.ts'
import { runAsRoot, whenCallerEnds } from '../harness/namespace.ts'
import { ToolMissing } from '../image/buildah.ts'
import { CgroupsMissing } from '../node/cgroups.ts'
import { ClusterNode } from '../node/cluster-node.ts'
import { runInNodeNamespaces } from '../node/namespaces.ts'
import { nodeName } from '../node/node-agents.ts'
import { buildClusterPrograms, type ClusterPrograms } from '../node/programs.ts'
import { allCases } from './all-cases.ts'
import type { InstallCase } from './cases.ts'
import { openGround } from './ground.ts'
import { makeImages, type Images } from './images.ts'
import { runCases } from './runner.ts'

const usage = `Installs the chart in a real cluster of one node, which it builds and starts itself, and uses it.

node e2e/install/run.ts [options] [words]     (as root, or with sudo)
  words     run only cases whose name has one of these
  --list    say which cases there are

The first run builds Kubernetes with Go and images with buildah, which takes a quarter of an hour; both are kept in .cache.
`

/** What was made outside, where there is a network. */
interface Supplies {
  readonly programs: ClusterPrograms
  readonly images: Images
}

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    inside: { type: 'string' },
    supplies: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
})

process.exitCode = await run()

async function run(): Promise<number> {
  const cases = allCases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
  if (options.help) console.log(usage)
  else if (options.list) console.log(cases.map(({ name }) => name).join('\n'))
  else if (cases.length === 0) console.error(`No case's name has ${words.join(' or ')}.`)
  else return options.inside === undefined ? runOutside() : runInside(options.inside, cases)
  return options.help || options.list ? 0 : 2
}

async function runOutside(): Promise<number> {
  const args = process.argv.slice(2)
  try {
    if (process.getuid?.() !== 0) return await runAsRoot(import.meta.filename, args)
    // Out here is a network, which programs and images come from.
    const programs = await buildClusterPrograms(console.log)
    await installHelm(console.log)
    const supplies: Supplies = { programs, images: await makeImages(programs, console.log) }
    return await runInNodeNamespaces(import.meta.filename, [...args, '--supplies', JSON.stringify(supplies)])
  } catch (error) {
    const isForPeople = error instanceof GoMissing || error instanceof ToolMissing || error instanceof CgroupsMissing
    if (!isForPeople) throw error
    console.error(error.message)
    return 1
  }
}

async function runInside(folder: string, cases: readonly InstallCase[]): Promise<number> {
  whenCallerEnds(() => process.exit(1))
  // Whatever makes temporary files makes them there.
  process.env['TMPDIR'] = folder
  const begun = performance.now()
  const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(0)} s`
  const { programs, images } = JSON.parse(options.supplies) as Supplies
  const node = await ClusterNode.start(programs, folder, images.archives)
  console.log(`the cluster was ready after ${seconds()}`)
  const ground = await openGround({
    folder,
    kubeconfig: node.kubeconfig,
    kubectlProgram: programs.kubectl,
    helmPrograms,
    images,
    nodeName,
    logs: () => node.logs(8),
  })
  const { passed, failed } = await runCases(ground, programs, cases)
  console.log(`\n${seconds()}`)
  console.log(`${passed} passed, ${failed} failed`)
  // The namespaces end with their first process, and everything in them.
  process.exit(failed === 0 ? 0 : 1)
}
