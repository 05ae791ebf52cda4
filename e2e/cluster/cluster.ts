import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Service } from '../harness/processes.ts'
import { ApiClient } from './api-client.ts'
import { certManagerNamespace, startCertManager } from './cert-manager.ts'
import { ControlPlane, writeKubeconfig } from './control-plane.ts'
import { Installation, type Ground, type InstallationWish } from './installation.ts'
import { customResourceDefinitions, namespaces, serviceAccounts } from './kinds.ts'
import { Kubectl } from './kubectl.ts'
import type { Stage } from './stage.ts'
import { until } from './wait.ts'

const crdsDir = join(dirname(dirname(import.meta.dirname)), 'crds')

/** A namespace besides the operator's own that is told what to trust. */
export const trustedNamespace = 'trusting'

export interface ClusterWish {
  /** Part of host names. */
  readonly name: string
  /** Its number among all of a run, from 0. */
  readonly index: number
  readonly hasCertManager: boolean
}

/** A control plane with our CustomResourceDefinitions, perhaps cert-manager, and whatever operators are installed. */
export class Cluster {
  readonly name: string
  readonly plane: ControlPlane
  readonly api: ApiClient
  readonly kubectl: Kubectl
  readonly installations: Installation[] = []
  readonly #ground: Ground
  #certManager: Service | undefined
  #main: Promise<Installation> | undefined

  private constructor(name: string, ground: Ground) {
    this.name = name
    this.plane = ground.plane
    this.api = ground.api
    this.kubectl = ground.kubectl
    this.#ground = ground
  }

  /** Starts it on the stage. Everything of it ends with the stage. */
  static async start(stage: Stage, { name, index, hasCertManager }: ClusterWish): Promise<Cluster> {
    const { programs } = stage
    const folder = join(stage.folder, name)
    await mkdir(folder)
    const plane = await ControlPlane.start({ programs, folder: join(folder, 'control-plane'), index })
    const api = new ApiClient(await plane.administrator('admin'))
    const kubeconfig = await writeKubeconfig(join(folder, 'kubeconfig'), await plane.administrator('kubectl'))
    const kubectl = new Kubectl({ program: programs.kubectl, kubeconfig, home: folder })
    const folders = hasCertManager ? [crdsDir, ...programs.definitions] : [crdsDir]
    await kubectl.run(['apply', '--server-side', ...folders.flatMap((crds) => ['-f', crds])])
    await establish(api)
    const cluster = new Cluster(name, {
      ...stage.forInstallations,
      folder,
      domain: `${name}.local`,
      plane,
      api,
      kubectl,
    })
    if (hasCertManager) await cluster.#startCertManager(programs.certManager, join(folder, 'cert-manager'))
    return cluster
  }

  /** What cert-manager has logged. */
  get certManagerLog(): readonly string[] {
    return this.#certManager?.lines ?? []
  }

  /** Makes a namespace such as a user has; pods are refused where the ServiceAccount `default` is missing. */
  async createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.api.apply(namespaces, { metadata: { name, labels } })
    await this.api.apply(serviceAccounts, { metadata: { name: 'default', namespace: name } })
  }

  /** The operator with all rights and two replicas that most cases share, in the namespace `certctl`. */
  main(): Promise<Installation> {
    this.#main ??= this.#startMain()
    return this.#main
  }

  /** Sets the operator up in a namespace; no process runs yet. */
  async install(wish: InstallationWish): Promise<Installation> {
    const installation = await Installation.open(this.#ground, wish)
    this.installations.push(installation)
    return installation
  }

  async #startMain(): Promise<Installation> {
    await this.createNamespace(trustedNamespace)
    const settings = { CERTCTL_TRUST_NAMESPACES: `certctl,${trustedNamespace}` }
    const installation = await this.install({ namespace: 'certctl', rights: 'cluster', settings })
    await installation.startReady(2)
    await installation.endpoints(2)
    return installation
  }

  async #startCertManager(program: string, kubeconfigFile: string): Promise<void> {
    await this.api.apply(namespaces, { metadata: { name: certManagerNamespace } })
    await writeKubeconfig(kubeconfigFile, await this.plane.administrator('cert-manager'))
    this.#certManager = startCertManager(program, kubeconfigFile)
  }
}

/** Waits until the API server serves every kind that was defined. */
async function establish(api: ApiClient): Promise<void> {
  await until({ what: 'all CustomResourceDefinitions to be established', seconds: 30 }, async () => {
    const definitions = await api.list(customResourceDefinitions)
    const isEstablished = definitions.every(({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True'),
    )
    return isEstablished ? true : undefined
  })
}
