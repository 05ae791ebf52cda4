import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runCommand, Service } from '../../harness/processes.ts'
import { inherited } from '../../harness/environment.ts'
import { findGo } from './go.ts'

const toolsDir = join(dirname(import.meta.dirname), 'tools')
const cacheDir = join(dirname(dirname(dirname(import.meta.dirname))), '.cache', 'cluster')

/** Programs that one Go module pins. */
interface Module {
  readonly name: string
  /** The folder of the module below tools/, where it isn't called as the programs are. */
  readonly tools?: string
  /** Program to package. */
  readonly packages: Readonly<Record<string, string>>
  /** The dependency whose version the programs say they are, and the variables that hold it. */
  readonly version?: { readonly module: string; readonly variables: string }
  /** Folders of the modules it depends on that are kept beside the programs. */
  readonly folders: readonly Folder[]
}

interface Folder {
  readonly name: string
  readonly module: string
  readonly folder: string
  /** What of it is kept, where it isn't all. */
  readonly files?: readonly string[]
}

const kubernetesVersion = { module: 'k8s.io/kubernetes', variables: 'k8s.io/component-base/version' }

const modules = {
  kubernetes: {
    name: 'kubernetes',
    packages: {
      etcd: 'go.etcd.io/etcd/server/v3',
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    },
    version: kubernetesVersion,
    folders: [],
  },
  // etcd and kubectl are those above: only what judges our objects has to be old.
  oldestKubernetes: {
    name: 'kubernetes-oldest',
    packages: { 'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver' },
    version: kubernetesVersion,
    folders: [],
  },
  // Apart from those above, because only few tests need them and they take long to build.
  node: {
    name: 'node',
    tools: 'kubernetes',
    packages: {
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
    },
    version: kubernetesVersion,
    folders: [],
  },
  coreDns: { name: 'coredns', packages: { coredns: '.' }, folders: [] },
  pause: { name: 'pause', packages: { pause: '.' }, folders: [] },
  certManager: {
    name: 'cert-manager',
    packages: { 'cert-manager': '.' },
    folders: [{ name: 'crds', module: 'github.com/cert-manager/cert-manager', folder: 'deploy/crds' }],
  },
  prometheusOperator: {
    name: 'prometheus-operator',
    packages: {},
    folders: [
      {
        name: 'crds',
        module: 'github.com/prometheus-operator/prometheus-operator',
        folder: 'example/prometheus-operator-crd',
        files: ['monitoring.coreos.com_prometheusrules.yaml', 'monitoring.coreos.com_servicemonitors.yaml'],
      },
    ],
  },
  kubeconform: {
    name: 'kubeconform',
    packages: { kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform' },
    folders: [],
  },
} as const satisfies Record<string, Module>

/** The API server of most tests, and that of the oldest Kubernetes that the chart is for. */
export type ApiServer = 'newest' | 'oldest'

const apiServerModules = { newest: modules.kubernetes, oldest: modules.oldestKubernetes } as const satisfies Record<
  ApiServer,
  Module
>

/** The version of Kubernetes that an API server is of, such as 1.34.4. */
export async function versionOf(apiServer: ApiServer): Promise<string> {
  return (await pinned(apiServerModules[apiServer], kubernetesVersion.module)).slice(1)
}

/** Files of the programs that make a cluster. */
export interface Programs {
  /** The version of Kubernetes that the API server is of, such as 1.34.4. */
  readonly version: string
  readonly etcd: string
  readonly kubeApiserver: string
  readonly kubectl: string
  readonly certManager: string
  /** Folders with the CustomResourceDefinitions of others: of cert-manager, and of the Prometheus operator. */
  readonly definitions: readonly string[]
}

/** The programs, built where they are not in the cache yet; says what it does. Throws {@link GoMissing}. */
export async function buildPrograms(say: (line: string) => void, apiServer: ApiServer = 'newest'): Promise<Programs> {
  const kubernetes = await built(modules.kubernetes, say)
  const certManager = await built(modules.certManager, say)
  const prometheusOperator = await built(modules.prometheusOperator, say)
  return {
    version: await versionOf(apiServer),
    etcd: join(kubernetes, 'etcd'),
    kubeApiserver: join(await built(apiServerModules[apiServer], say), 'kube-apiserver'),
    kubectl: join(kubernetes, 'kubectl'),
    certManager: join(certManager, 'cert-manager'),
    definitions: [certManager, prometheusOperator].map((folder) => join(folder, 'crds')),
  }
}

/** kubeconform's program, built where it is not in the cache yet; says what it does. Throws {@link GoMissing}. */
export async function buildKubeconform(say: (line: string) => void): Promise<string> {
  return join(await built(modules.kubeconform, say), 'kubeconform')
}

/** Files of the programs that make a node of a cluster, besides {@link Programs}. */
export interface NodePrograms {
  readonly controllerManager: string
  readonly kubeProxy: string
  readonly scheduler: string
  readonly kubelet: string
  /** Linked statically, as all of them are, so that it starts in an empty image. */
  readonly coreDns: string
  /** What a pod's sandbox runs; linked statically too. */
  readonly pause: string
}

/** The programs of a node, built where they are not in the cache yet; says what it does. Throws {@link GoMissing}. */
export async function buildNodePrograms(say: (line: string) => void): Promise<NodePrograms> {
  const node = await built(modules.node, say)
  return {
    controllerManager: join(node, 'kube-controller-manager'),
    kubeProxy: join(node, 'kube-proxy'),
    scheduler: join(node, 'kube-scheduler'),
    kubelet: join(node, 'kubelet'),
    coreDns: join(await built(modules.coreDns, say), 'coredns'),
    pause: join(await built(modules.pause, say), 'pause'),
  }
}

/** The folder of a module's programs. A folder of this name is complete: it gets its name at the end. */
async function built(module: Module, say: (line: string) => void): Promise<string> {
  const folder = join(cacheDir, `${module.name}-${await fingerprint(module)}`)
  if (existsSync(folder)) return folder
  const go = await findGo(await pinned(module, 'go'))
  const unfinished = `${folder}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  try {
    for (const [program, path] of Object.entries(module.packages)) {
      await compile({ go, module, path, file: join(unfinished, program), say })
    }
    for (const kept of module.folders) await keepFolder(go, module, kept, join(unfinished, kept.name))
    await removeOlder(module)
    await rename(unfinished, folder)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return folder
}

async function keepFolder(
  go: string,
  module: Module,
  { module: from, folder, files }: Folder,
  to: string,
): Promise<void> {
  const { Dir: source } = JSON.parse(await run(go, ['mod', 'download', '-json', from], module)) as { Dir: string }
  const names = files ?? (await readdir(join(source, folder)))
  for (const name of names) await cp(join(source, folder, name), join(to, name), { recursive: true })
}

/** Changes with everything that decides what is built. */
async function fingerprint(module: Module): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([module, process.arch]))
  const folder = folderOf(module)
  for (const name of (await readdir(folder)).toSorted()) hash.update(name).update(await readFile(join(folder, name)))
  return hash.digest('hex').slice(0, 16)
}

/** The folder with the module's go.mod. */
function folderOf({ name, tools = name }: Module): string {
  return join(toolsDir, tools)
}

/** The version that go.mod has after these words. */
async function pinned(module: Module, words: string): Promise<string> {
  const text = await readFile(join(folderOf(module), 'go.mod'), 'utf8')
  const version = text
    .split('\n')
    .map((line) => line.trim().replace(/^require /, ''))
    .find((line) => line.startsWith(`${words} `))
    ?.split(' ')[words.split(' ').length]
  if (version === undefined) throw new Error(`${folderOf(module)}/go.mod has no line with ${words} and a version`)
  return version
}

/** What the linker writes into the programs, which would say v0.0.0 otherwise. */
async function linkerFlags(module: Module): Promise<string> {
  if (module.version === undefined) return '-s -w'
  const version = await pinned(module, module.version.module)
  const [major = '', minor = ''] = version.slice(1).split('.')
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor }
  const { variables } = module.version
  return ['-s -w', ...Object.entries(values).map(([name, value]) => `-X ${variables}.${name}=${value}`)].join(' ')
}

async function removeOlder(module: Module): Promise<void> {
  const isOlderBuild = new RegExp(`^${module.name}-[0-9a-f]{16}$`)
  for (const name of await readdir(cacheDir)) {
    if (isOlderBuild.test(name)) await rm(join(cacheDir, name), { recursive: true, force: true })
  }
}

interface Compilation {
  readonly go: string
  readonly module: Module
  readonly path: string
  readonly file: string
  readonly say: (line: string) => void
}

const buildLimit = () => AbortSignal.timeout(30 * 60_000)
const progressMilliseconds = 20_000

async function compile({ go, module, path, file, say }: Compilation): Promise<void> {
  const begun = performance.now()
  const name = file.slice(file.lastIndexOf('/') + 1)
  const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(0)} s`
  say(`building ${name} (once; minutes on a new machine)`)
  const flags = ['-trimpath', '-v', '-ldflags', await linkerFlags(module), '-o', file]
  const command = nicely(go, ['build', ...flags, path])
  await using service = new Service({ ...command, cwd: folderOf(module), env: environment() })
  const progress = setInterval(() => say(`  ${name}: ${packages(service.lines)}, ${seconds()}`), progressMilliseconds)
  try {
    const code = await service.ended(buildLimit())
    if (code !== 0) throw new Error(`go build ${path} failed:\n${service.lines.slice(-40).join('\n')}`)
  } finally {
    clearInterval(progress)
  }
  say(`built ${name} in ${seconds()}`)
}

/** `go build -v` writes a line for each module it fetches and for each package it compiles. */
function packages(lines: readonly string[]): string {
  const fetched = lines.filter((line) => line.startsWith('go: downloading')).length
  return `${fetched} modules fetched, ${lines.length - fetched} packages compiled`
}

function nicely(program: string, args: readonly string[]): { program: string; args: readonly string[] } {
  return { program: 'nice', args: ['-n', '10', program, ...args] }
}

function environment(): Record<string, string> {
  return { ...inherited(), CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' }
}

async function run(go: string, args: readonly string[], module: Module): Promise<string> {
  const command = { program: go, args, env: environment(), cwd: folderOf(module) }
  const result = await runCommand(command, AbortSignal.timeout(300_000))
  if (result.code !== 0) throw new Error(`go ${args.join(' ')} failed:\n${result.output}`)
  return result.stdout
}
