import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { parseAllDocuments } from 'yaml'
import { addresses } from './addresses.ts'
import type { ApiClient } from './api-client.ts'
import { writeKubeconfig, type ControlPlane } from './control-plane.ts'
import { configMaps, leases, namespaces, type KubeObject } from './kinds.ts'
import type { Kubectl } from './kubectl.ts'
import { Replica } from './replica.ts'
import { LoadBalancer } from './service.ts'
import { until } from './wait.ts'

const rbacDir = join(dirname(dirname(import.meta.dirname)), 'rbac')

/** Its name in the manifests in rbac/. */
export const serviceAccount = 'certctl'

/** The namespace that the manifests in rbac/ are written for. */
const manifestNamespace = 'certctl'

export interface InstallationWish {
  /** The operator's own namespace. */
  readonly namespace: string
  /** Which rights it is given, those in its own namespace or in all, which it then watches. */
  readonly rights: 'namespaced' | 'cluster'
  /** Environment variables besides the usual ones. */
  readonly settings?: Readonly<Record<string, string>>
}

/** What is special about one process. */
export interface ReplicaWish {
  readonly settings?: Readonly<Record<string, string>>
  /** A token of its ServiceAccount; a fresh one unless given. */
  readonly token?: string
  /** It is started outside of the cluster, with a kubeconfig file. */
  readonly usesKubeconfig?: boolean
}

/** What installations stand on. */
export interface Ground {
  readonly folder: string
  /** Ends the host names of its Services. */
  readonly domain: string
  readonly plane: ControlPlane
  readonly api: ApiClient
  readonly kubectl: Kubectl
  /** Makes an empty database and returns its URL. */
  createDatabase(name: string): Promise<string>
  /** Lets a host name resolve to the address. */
  addHost(name: string, address: string): void
  /** The next number, from 0, of the installations of a run. */
  nextIndex(): number
}

/** The operator in a namespace of its own, with its own database, rights, Service and replicas. */
export class Installation implements AsyncDisposable {
  readonly namespace: string
  readonly host: string
  readonly url: string
  readonly databaseUrl: string
  readonly database: pg.Pool
  readonly replicas: Replica[] = []
  readonly #ground: Ground
  readonly #index: number
  readonly #settings: Readonly<Record<string, string>>
  #service: LoadBalancer | undefined
  #started = 0

  private constructor(ground: Ground, wish: InstallationWish, parts: { index: number; databaseUrl: string }) {
    const { index, databaseUrl } = parts
    this.namespace = wish.namespace
    this.host = `certctl.${wish.namespace}.svc.${ground.domain}`
    this.url = `https://${this.host}`
    this.#ground = ground
    this.#index = index
    this.databaseUrl = databaseUrl
    this.database = new pg.Pool({ connectionString: databaseUrl, max: 2 })
    this.database.on('error', () => undefined)
    this.#settings = {
      CERTCTL_DATABASE_URL: databaseUrl,
      CERTCTL_NAMESPACE: wish.namespace,
      CERTCTL_EXTERNAL_URLS: this.url,
      CERTCTL_RATE_LIMIT_BACKEND: 'postgres',
      ...(wish.rights === 'cluster' && {
        CERTCTL_WATCH_NAMESPACES: '*',
        CERTCTL_CLUSTER_ISSUERS: 'on',
        CERTCTL_CLUSTER_TRUST_BUNDLE: 'on',
      }),
      ...wish.settings,
    }
  }

  /** Makes namespace, rights, database and Service; no replica runs yet. */
  static async open(ground: Ground, wish: InstallationWish): Promise<Installation> {
    await ground.api.apply(namespaces, { metadata: { name: wish.namespace } })
    await applyRights(ground.kubectl, wish)
    const index = ground.nextIndex()
    const databaseUrl = await ground.createDatabase(`${wish.namespace}_${index}`)
    const installation = new Installation(ground, wish, { index, databaseUrl })
    const address = addresses.service(index)
    ground.addHost(installation.host, address)
    installation.#service = await LoadBalancer.open(address, () =>
      installation.running.map((replica) => ({ address: replica.address, port: 8443 })),
    )
    return installation
  }

  /** Replicas whose process has not ended. */
  get running(): readonly Replica[] {
    return this.replicas.filter((replica) => replica.isRunning)
  }

  /** Starts a process, which gets an address and a token of its own, without waiting for it. */
  async start(wish: ReplicaWish = {}): Promise<Replica> {
    const { plane, api, folder } = this.#ground
    const token = wish.token ?? (await api.token(serviceAccount, this.namespace))
    const number = this.#started++
    const name = `${this.namespace}-${number}`
    const replica = await Replica.start({
      name,
      address: addresses.replica(this.#index, number),
      folder: join(folder, name),
      namespace: this.namespace,
      apiServer: { host: plane.host, port: Number(new URL(plane.url).port), ca: plane.caPem, token },
      settings: { ...this.#settings, ...wish.settings },
      kubeconfig: wish.usesKubeconfig
        ? await writeKubeconfig(join(folder, `${name}.kubeconfig`), plane.credentials({ token }))
        : undefined,
    })
    this.replicas.push(replica)
    return replica
  }

  /** Starts that many processes and waits until each serves. */
  async startReady(count: number): Promise<Replica[]> {
    const replicas = await Promise.all(Array.from({ length: count }, () => this.start()))
    await Promise.all(replicas.map((replica) => replica.ready()))
    return replicas
  }

  /** Waits until the Service has this many endpoints. */
  async endpoints(count: number): Promise<void> {
    const what = `${count} ready endpoints of ${this.namespace}`
    await until({ what, seconds: 30 }, async () => (this.#service?.readyCount === count ? true : undefined))
  }

  /** The replica that holds the Lease, once one that runs does, or once this one does. */
  async leader(seconds = 30, wanted?: Replica): Promise<Replica> {
    const what = `${wanted?.name ?? 'a replica'} to lead in ${this.namespace}`
    return until({ what, seconds }, async () => {
      const lease = await this.#ground.api.get(leases, 'certctl-operator', this.namespace)
      // Each process adds something of its own to its name.
      const holder = lease?.spec.holderIdentity?.replace(/_[^_]*$/, '')
      return this.running.find(({ name }) => name === holder && (wanted === undefined || name === wanted.name))
    })
  }

  /** What clients must trust to talk to the Service, as the operator publishes it. */
  async trustedCa(): Promise<string> {
    return until({ what: `the ConfigMap certctl-trust in ${this.namespace}`, seconds: 30 }, async () => {
      const map = await this.#ground.api.get(configMaps, 'certctl-trust', this.namespace)
      return map?.data?.['ca.crt']
    })
  }

  /** Ends all processes and the Service; the objects and the database stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((replica) => replica.kill()))
    await this.#service?.[Symbol.asyncDispose]()
    await this.database.end()
  }
}

/** Files of rbac/ that the rights are made of. */
const manifestFiles = {
  namespaced: ['namespaced.yaml'],
  cluster: ['namespaced.yaml', 'cluster.yaml', 'cluster-issuers.yaml'],
} as const

/** Applies the manifests as a user would, for another namespace where that is wanted. */
async function applyRights(kubectl: Kubectl, { namespace, rights }: InstallationWish): Promise<void> {
  const texts = await Promise.all(manifestFiles[rights].map((file) => readFile(join(rbacDir, file), 'utf8')))
  const objects = texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
    .map((object) => inNamespace(object, namespace))
  await kubectl.run(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'))
}

/** The object as it must be for an operator in that namespace; bindings of the whole cluster are one for each operator. */
function inNamespace(object: KubeObject, namespace: string): KubeObject {
  const moved = JSON.parse(
    JSON.stringify(object).replaceAll(`"namespace":"${manifestNamespace}"`, `"namespace":"${namespace}"`),
  ) as KubeObject
  if (object.kind !== 'ClusterRoleBinding') return moved
  return { ...moved, metadata: { ...moved.metadata, name: `${object.metadata.name}-${namespace}` } }
}

/** The ServiceAccount's name in the audit log. */
export function userOf(namespace: string): string {
  return `system:serviceaccount:${namespace}:${serviceAccount}`
}
