import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiClient } from '../cluster/api-client.ts'
import { ControlPlane, writeKubeconfig } from '../cluster/control-plane.ts'
import type { Conditioned, Kind } from '../cluster/kinds.ts'
import { Kubectl } from '../cluster/kubectl.ts'
import { until } from '../cluster/wait.ts'
import type { Service } from '../harness/processes.ts'
import { Containerd } from './containerd.ts'
import { furnishNode } from './furnishings.ts'
import { deployNameServer, nameServerDeployment } from './name-server.ts'
import {
  nodeName,
  startControllerManager,
  startKubelet,
  startKubeProxy,
  startScheduler,
  type AgentWish,
} from './node-agents.ts'
import type { ClusterPrograms } from './programs.ts'
import { offerVolumes } from './volumes.ts'

const nodes: Kind<Conditioned> = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false }

/** A cluster of one node, with everything that a Deployment, a StatefulSet or a Service needs. */
export class ClusterNode {
  readonly api: ApiClient
  readonly kubectl: Kubectl
  readonly kubeconfig: string
  readonly plane: ControlPlane
  readonly folder: string
  readonly #containerd: Containerd
  readonly #services: ReadonlyMap<string, Service>

  private constructor(parts: {
    plane: ControlPlane
    kubeconfig: string
    kubectl: Kubectl
    folder: string
    containerd: Containerd
    services: ReadonlyMap<string, Service>
    api: ApiClient
  }) {
    this.plane = parts.plane
    this.kubeconfig = parts.kubeconfig
    this.kubectl = parts.kubectl
    this.folder = parts.folder
    this.api = parts.api
    this.#containerd = parts.containerd
    this.#services = parts.services
  }

  /**
   * In namespaces of its own, makes them a node and starts everything. Resolves when pods can run and names resolve.
   * `archives` hold the images that pods may use; those of the node itself must be among them.
   */
  static async start(programs: ClusterPrograms, folder: string, archives: readonly string[]): Promise<ClusterNode> {
    await furnishNode(folder)
    const [plane, containerd] = await Promise.all([
      ControlPlane.start({ programs, folder: join(folder, 'control-plane'), index: 0 }),
      Containerd.start(join(folder, 'containerd')),
    ])
    const api = new ApiClient(await plane.administrator('admin'))
    const kubeconfig = await writeKubeconfig(join(folder, 'kubeconfig'), await plane.administrator('user'))
    const kubectl = new Kubectl({ program: programs.kubectl, kubeconfig, home: folder })
    const agentsFolder = join(folder, 'agents')
    await mkdir(agentsFolder)
    const wish: AgentWish = {
      programs,
      kubeconfig: await writeKubeconfig(join(agentsFolder, 'kubeconfig'), await plane.administrator('node')),
      folder: agentsFolder,
      controlPlaneFolder: plane.folder,
    }
    for (const archive of archives) await containerd.importImage(archive)
    const services = new Map([
      ['kubelet', await startKubelet(wish)],
      ['kube-proxy', await startKubeProxy(wish)],
      ['kube-controller-manager', startControllerManager(wish)],
      ['kube-scheduler', startScheduler(wish)],
    ])
    const node = new ClusterNode({ plane, kubeconfig, kubectl, folder, containerd, services, api })
    await deployNameServer(kubectl)
    await offerVolumes(kubectl, join(folder, 'disk', 'volumes'))
    await node.#ready()
    return node
  }

  /** Makes the image in an archive known, under the name that it has there. */
  importImage(archive: string): Promise<void> {
    return this.#containerd.importImage(archive)
  }

  /** The last lines of what every program of the node has logged, by the program's name. */
  logs(lines: number): [program: string, text: string][] {
    const all: [string, readonly string[]][] = [
      ['kube-apiserver', this.plane.log],
      ['containerd', this.#containerd.log],
      ...[...this.#services].map(([name, { lines: own }]): [string, readonly string[]] => [name, own]),
    ]
    return all.map(([name, own]) => [name, own.slice(-lines).join('\n')])
  }

  async #ready(): Promise<void> {
    try {
      await until({ what: 'the node to be Ready', seconds: 60 }, async () => {
        const node = await this.api.get(nodes, nodeName)
        const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')
        if (ready?.status === 'True') return true
        throw new Error(JSON.stringify(node?.status?.conditions))
      })
      const { name, namespace } = nameServerDeployment
      await this.kubectl.run(['rollout', 'status', '-n', namespace, `deployment/${name}`, '--timeout=50s'])
    } catch (error) {
      const logs = this.logs(30).map(([program, text]) => `${program}:\n${text}`)
      throw new Error(`the node did not become ready:\n${logs.join('\n')}`, { cause: error })
    }
  }
}
