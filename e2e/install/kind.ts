import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { helmPrograms, installHelm } from '../../charts/testing/helm-programs.ts'
import { buildPrograms, type Programs } from '../cluster/build/programs.ts'
import { inherited } from '../harness/environment.ts'
import { furnishNamespace, runCaged } from '../harness/namespace.ts'
import { runCommand, shellWords, type CommandResult } from '../harness/processes.ts'
import { openGround } from './ground.ts'
import type { ImageNames } from './images.ts'
import { VenueMissing, type Venue } from './venue.ts'

const checkout = join(import.meta.dirname, '..', '..')
const cluster = 'certctl-e2e'
const nodeName = `${cluster}-control-plane`

/** Where kind has the cluster's name server. */
const clusterDns = '10.96.0.10'

const images: ImageNames = {
  certctl: 'certctl.test/certctl:kind',
  nextCertctl: 'certctl.test/next:kind',
  postgres: 'docker.io/library/postgres:18',
}

interface Supplies {
  readonly programs: Programs
  readonly kubeconfig: string
}

/** A cluster of kind, in Docker containers, with images of registries. It is made and deleted. */
export const kind: Venue = {
  async runInside(script, args) {
    for (const program of ['docker', 'kind']) await present(program)
    const programs = await buildPrograms(console.log)
    await installHelm(console.log)
    await makeImages()
    const folder = await mkdtemp(join(tmpdir(), 'certctl-kind-'))
    await chmod(folder, 0o755)
    try {
      const kubeconfig = await makeCluster(folder)
      const supplies: Supplies = { programs, kubeconfig }
      const pid = (await must('docker', ['inspect', '--format', '{{.State.Pid}}', nodeName])).trim()
      // In the network of the node, Services and pods can be reached.
      const given = [...args, '--inside', folder, '--supplies', JSON.stringify(supplies)]
      return await runCaged(['nsenter', `--net=/proc/${pid}/ns/net`, 'unshare'], script, given)
    } finally {
      await must('kind', ['delete', 'cluster', '--name', cluster])
      await rm(folder, { recursive: true, force: true })
    }
  },
  async open(folder, text) {
    const { programs, kubeconfig } = JSON.parse(text) as Supplies
    await furnishNamespace({
      // As the kubeconfig file calls the API server.
      hosts: [`127.0.0.1 ${nodeName}`],
      nameserver: clusterDns,
      resolverOptions: ['search default.svc.cluster.local svc.cluster.local cluster.local', 'options ndots:5'],
      folder: join(folder, 'etc'),
    })
    const ground = await openGround({
      folder,
      kubeconfig,
      kubectlProgram: programs.kubectl,
      helmPrograms,
      images,
      nodeName,
      killProcess,
    })
    return { ground, programs }
  },
}

async function present(program: string): Promise<void> {
  const { code } = await run(program, ['version']).catch(() => ({ code: null }))
  if (code !== 0)
    throw new VenueMissing(`${program} can't be run here. \`make e2e-install\` needs neither Docker nor kind.`)
}

async function makeImages(): Promise<void> {
  console.log('building the images with Docker')
  const env = { ...inherited(), BUILDER: 'docker', IMAGE: images.certctl }
  await must(join(checkout, 'image', 'build.sh'), [], { env, seconds: 1200 })
  const next = `FROM ${images.certctl}\nENV CERTCTL_E2E=next\n`
  await must('docker', ['build', '--tag', images.nextCertctl, '-'], { stdin: next, seconds: 300 })
  await must('docker', ['pull', '--quiet', images.postgres], { seconds: 600 })
}

/** Makes the cluster, loads the images, and returns a kubeconfig file for those on the node's network. */
async function makeCluster(folder: string): Promise<string> {
  const own = ['--kubeconfig', join(folder, 'kubeconfig-of-kind')]
  const config = ['--config', join(import.meta.dirname, 'kind-config.yaml')]
  await must('kind', ['create', 'cluster', '--name', cluster, ...config, ...own, '--wait', '180s'], { seconds: 600 })
  await must('kind', ['load', 'docker-image', '--name', cluster, ...Object.values(images)], { seconds: 600 })
  const file = join(folder, 'kubeconfig')
  await writeFile(file, await must('kind', ['get', 'kubeconfig', '--internal', '--name', cluster]), { mode: 0o600 })
  return file
}

/** Kills the process of a pod, of which there is one. */
async function killProcess(podUid: string): Promise<void> {
  const script = `
    container=$(crictl ps --quiet --label io.kubernetes.pod.uid=${podUid})
    kill -9 $(crictl inspect --output go-template --template '{{.info.pid}}' "$container")`
  await must('docker', ['exec', nodeName, 'sh', '-euc', script])
}

interface Circumstances {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly seconds?: number
}

/** Runs a command that must succeed, and returns what it prints. */
async function must(program: string, args: readonly string[], circumstances: Circumstances = {}): Promise<string> {
  const { code, output, stdout } = await run(program, args, circumstances)
  if (code !== 0) throw new Error(`${shellWords({ program, args })} failed (${code}):\n${output}`)
  return stdout
}

function run(
  program: string,
  args: readonly string[],
  { env = inherited(), stdin, seconds = 60 }: Circumstances = {},
): Promise<CommandResult> {
  const command = { program, args, env, ...(stdin !== undefined && { stdin }) }
  return runCommand(command, AbortSignal.timeout(seconds * 1000))
}
