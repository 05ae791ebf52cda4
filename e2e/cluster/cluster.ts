import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../../store/testing/postgres.ts'
import { serveDns } from '../harness/dns-server.ts'
import { furnishNamespace, mountTemporary } from '../harness/namespace.ts'
import type { Service } from '../harness/processes.ts'
import { addresses, openNetwork } from './addresses.ts'
import { ApiClient } from './api-client.ts'
import type { Programs } from './build/programs.ts'
import { certManagerNamespace, startCertManager } from './cert-manager.ts'
import { ControlPlane, writeKubeconfig } from './control-plane.ts'
import { Installation, type Ground, type InstallationWish } from './installation.ts'
import { customResourceDefinitions, namespaces, serviceAccounts } from './kinds.ts'
import { Kubectl } from './kubectl.ts'
import { serveSolvers } from './solver-ingress.ts'
import { until } from './wait.ts'

const crdsDir = join(dirname(dirname(import.meta.dirname)), 'crds')

/** The zone of the names that certificates are for. */
export const zone = 'e2e.example.com'

/** The key of dynamic updates, as cert-manager's rfc2136 solver is told it. */
export const updateKey = { name: 'e2e-key', secret: Buffer.from('a secret that only tests know...') }

/** A namespace besides the operator's own that is told what to trust. */
export const trustedNamespace = 'trusting'

/** Everything that runs in the private network: control plane, cert-manager, name server, ingress, Postgres. */
export class Cluster {
  readonly plane: ControlPlane
  readonly api: ApiClient
  readonly kubectl: Kubectl
  readonly certManager: Service
  readonly installations: Installation[] = []
  readonly #ground: Ground
  #opened = 0
  #main: Promise<Installation> | undefined

  private constructor(ground: Ground, certManager: Service) {
    this.plane = ground.plane
    this.api = ground.api
    this.kubectl = ground.kubectl
    this.certManager = certManager
    this.#ground = ground
  }

  /** Starts all of it. It ends with this process, the first of a namespace of its own. */
  static async start(programs: Programs, folder: string): Promise<Cluster> {
    const txtDir = join(folder, 'txt')
    await mkdir(txtDir)
    await furnishNamespace({ hosts: [], nameserver: addresses.nameServer, folder: join(folder, 'etc') })
    await mountTemporary('/run')
    await openNetwork()
    const hosts = new Map<string, string>([[zone, addresses.ingress]])
    await serveDns(addresses.nameServer, { name: zone, addresses: hosts, txtDir, updateKey })
    const [plane, createDatabase] = await Promise.all([
      ControlPlane.start(programs, join(folder, 'control-plane')),
      startDatabases(),
    ])
    const api = new ApiClient(await plane.administrator('admin'))
    const kubeconfig = await writeKubeconfig(join(folder, 'kubeconfig'), await plane.administrator('kubectl'))
    const kubectl = new Kubectl({ program: programs.kubectl, kubeconfig, home: folder })
    await serveSolvers(addresses.ingress, api)
    await kubectl.run(['apply', '--server-side', '-f', programs.certManagerCrds, '-f', crdsDir])
    await establish(api)
    await api.apply(namespaces, { metadata: { name: certManagerNamespace } })
    const identity = await writeKubeconfig(join(folder, 'cert-manager'), await plane.administrator('cert-manager'))
    const certManager = startCertManager(programs.certManager, identity)
    const addHost = (name: string, address: string): void => void hosts.set(name, address)
    return new Cluster({ folder, plane, api, kubectl, createDatabase, addHost }, certManager)
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

  async #startMain(): Promise<Installation> {
    const installation = await this.install({
      namespace: 'certctl',
      rights: 'cluster',
      settings: { CERTCTL_TRUST_NAMESPACES: `certctl,${trustedNamespace}` },
    })
    await this.createNamespace(trustedNamespace)
    await installation.startReady(2)
    await installation.endpoints(2)
    return installation
  }

  /** Sets the operator up in a namespace; no process runs yet. */
  async install(wish: InstallationWish): Promise<Installation> {
    const installation = await Installation.open(this.#ground, this.#opened++, wish)
    this.installations.push(installation)
    return installation
  }
}

/** A function that makes empty databases on a Postgres of ours. */
async function startDatabases(): Promise<(name: string) => Promise<string>> {
  const server = await startPostgres()
  return async (name) => {
    const client = new pg.Client(server.url('postgres'))
    await client.connect()
    try {
      await client.query(`create database ${pg.escapeIdentifier(name)}`)
    } finally {
      await client.end()
    }
    return server.url(name)
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
