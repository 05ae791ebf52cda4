import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, Service, systemPath } from '../harness/processes.ts'
import { nodeNetwork } from './network.ts'

const socket = '/run/containerd/containerd.sock'

/** Where the kubelet reaches containerd. */
export const runtimeEndpoint = `unix://${socket}`

/** The image of a pod's sandbox. */
export const pauseImage = 'lab.local/pause:1'

/** Where Debian's package keeps the plugins. */
const pluginFolder = '/usr/lib/cni'

const podNetwork = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni-addresses',
        ranges: [[{ subnet: nodeNetwork.pods }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
}

/** Runs containers. */
export class Containerd {
  readonly #service: Service
  readonly #folder: string

  private constructor(service: Service, folder: string) {
    this.#service = service
    this.#folder = folder
  }

  /** Starts it, and waits until it answers. */
  static async start(folder: string): Promise<Containerd> {
    await mkdir(join(folder, 'cni'), { recursive: true })
    await writeFile(join(folder, 'cni', 'pods.conflist'), JSON.stringify(podNetwork))
    const configFile = join(folder, 'containerd.toml')
    await writeFile(configFile, configuration(join(folder, 'cni')))
    const service = new Service({ program: 'containerd', args: ['--config', configFile], env: { PATH: systemPath } })
    const containerd = new Containerd(service, folder)
    await service
      .until('it answered', () => containerd.#isReady(), AbortSignal.timeout(60_000))
      .catch((error: unknown) => {
        throw new Error(`containerd did not start:\n${service.lines.slice(-30).join('\n')}`, { cause: error })
      })
    return containerd
  }

  get log(): readonly string[] {
    return this.#service.lines
  }

  /** Makes the image in an archive known, under the name that it has there. */
  async importImage(archive: string): Promise<void> {
    const result = await this.#ctr(['images', 'import', '--digests=false', archive], 180_000)
    if (result.code !== 0) throw new Error(`ctr images import ${archive} failed:\n${result.output}`)
  }

  async #isReady(): Promise<true | undefined> {
    return (await this.#ctr(['version'], 5000)).code === 0 ? true : undefined
  }

  #ctr(args: readonly string[], milliseconds: number): Promise<{ code: number | null; output: string }> {
    const command = {
      program: 'ctr',
      args: ['--address', socket, '--namespace', 'k8s.io', ...args],
      env: { PATH: systemPath },
      cwd: this.#folder,
    }
    return runCommand(command, AbortSignal.timeout(milliseconds))
  }
}

function configuration(cniFolder: string): string {
  return `
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "${socket}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
# Where a process may not lower its score, containers that ask for it would not start.
restrict_oom_score_adj = true
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${pluginFolder}"
conf_dir = "${cniFolder}"
`
}
