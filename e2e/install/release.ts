import { join } from 'node:path'
import { configMaps, profiles, namespaces, type KubeObject } from '../cluster/kinds.ts'
import { isReady } from '../cluster/objects.ts'
import { until } from '../cluster/wait.ts'
import { callHttp } from '../harness/http-client.ts'
import type { Ground } from './ground.ts'
import type { Helm } from './helm.ts'
import { isReadyPod, runningPods, type RunningPod } from './kinds.ts'
import type { LoadTarget } from './load.ts'

const chartFolder = join(import.meta.dirname, '..', '..', 'charts', 'certctl')

/** The domain that the sample profiles give names of. */
export const sampleDomain = 'example.com'

export interface ReleaseWish {
  readonly name: string
  readonly namespace: string
  readonly helm: 3 | 4
}

/** certctl in a namespace, installed by Helm from the chart of this checkout. */
export class Release {
  readonly name: string
  readonly namespace: string
  /** The name of its objects. */
  readonly fullname: string
  readonly ground: Ground
  readonly helm: Helm

  constructor(ground: Ground, { name, namespace, helm }: ReleaseWish) {
    this.ground = ground
    this.name = name
    this.namespace = namespace
    this.fullname = name.includes('certctl') ? name : `${name}-certctl`
    this.helm = ground.helm(helm)
  }

  /** Makes the namespace as one that takes only pods of the strictest kind. */
  async createNamespace(): Promise<void> {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
    await this.ground.api.apply(namespaces, { metadata: { name: this.namespace, labels } })
  }

  /** Installs the chart and waits until everything is ready. Returns what Helm prints. */
  install(values: object): Promise<string> {
    const waiting = ['--wait', '--timeout', '150s']
    return this.helm.run(['install', this.name, chartFolder, '--namespace', this.namespace, ...waiting], values)
  }

  /** Upgrades to these values and waits until everything is ready. */
  async upgrade(values: object): Promise<void> {
    await this.helm.run(this.#upgrade(150), values)
  }

  /** Tries to upgrade to values with which nothing becomes ready, and returns what Helm says about it. */
  async upgradeInVain(values: object): Promise<string> {
    const { code, output } = await this.helm.try(this.#upgrade(20), values)
    if (code === 0) throw new Error(`the upgrade succeeded: ${output}`)
    return output
  }

  async rollback(revision: number): Promise<void> {
    const waiting = ['--wait', '--timeout', '150s']
    await this.helm.run(['rollback', this.name, String(revision), '--namespace', this.namespace, ...waiting])
  }

  /** Its number, which every upgrade and rollback raises. */
  async revision(): Promise<number> {
    const text = await this.helm.run(['status', this.name, '--namespace', this.namespace, '--output', 'json'])
    return (JSON.parse(text) as { version: number }).version
  }

  /** The values that were given last, or undefined where nothing is installed. */
  async values(): Promise<unknown> {
    const args = ['get', 'values', this.name, '--namespace', this.namespace, '--output', 'json']
    const { code, stdout } = await this.helm.try(args)
    return code === 0 ? JSON.parse(stdout) : undefined
  }

  uninstall(): Promise<string> {
    const waiting = ['--wait', '--timeout', '90s']
    return this.helm.run(['uninstall', this.name, '--namespace', this.namespace, ...waiting])
  }

  /** Pods of the server, or of the database. */
  pods(component: 'server' | 'postgresql' = 'server'): Promise<RunningPod[]> {
    const labels = `app.kubernetes.io/instance=${this.name},app.kubernetes.io/component=${component}`
    return this.ground.api.list(runningPods, this.namespace, labels)
  }

  /** Waits until there are so many pods of the server, all ready and none on its way out. */
  async settled(replicas: number, seconds = 90): Promise<RunningPod[]> {
    const what = `${replicas} ready pods of ${this.name} and no others`
    return until({ what, seconds, pollMilliseconds: 300 }, async () => {
      const pods = await this.pods()
      if (pods.length === replicas && pods.every(isReadyPod)) return pods
      throw new Error(pods.map(describePod).join('\n'))
    })
  }

  /** Waits until the database's pod is ready. */
  async databaseReady(seconds = 90): Promise<RunningPod> {
    return until({ what: 'the database', seconds, pollMilliseconds: 300 }, async () => {
      const [pod] = await this.pods('postgresql')
      if (pod !== undefined && isReadyPod(pod)) return pod
      throw new Error(pod === undefined ? 'there is no pod' : describePod(pod))
    })
  }

  /** What clients must trust, as the operator publishes it. */
  async trustedCa(): Promise<string> {
    return until({ what: `the ConfigMap certctl-trust of ${this.namespace}`, seconds: 60 }, async () => {
      const map = await this.ground.api.get(configMaps, 'certctl-trust', this.namespace)
      return map?.data?.['ca.crt']
    })
  }

  /** Waits until a profile is Ready, and says where its certificates come from. */
  async target(profile = 'trusted'): Promise<LoadTarget> {
    const where = { kind: profiles, name: profile, namespace: this.namespace }
    const { status } = await isReady(this.ground, where, 60)
    const directoryUrl = status?.acme?.directoryURL
    if (directoryUrl === undefined) throw new Error(`the profile ${profile} tells no directory`)
    return { directoryUrl, rootPem: await this.trustedCa(), domain: sampleDomain }
  }

  /** Asks one pod, past the Service, as the kubelet's probes do. */
  async ask({ status }: RunningPod, path: '/health' | '/ready'): Promise<{ status: number; body: string }> {
    return callHttp(`https://${status?.podIP}:8443${path}`, { insecure: true, timeoutMilliseconds: 10_000 })
  }

  #upgrade(seconds: number): string[] {
    const waiting = ['--wait', '--timeout', `${seconds}s`]
    return ['upgrade', this.name, chartFolder, '--namespace', this.namespace, ...waiting]
  }
}

/** Values with which the chart runs the images of this test. */
export function imageValues(image: string, postgres: string): { image: object; postgresql: { image: object } } {
  return { image: imageValue(image), postgresql: { image: imageValue(postgres) } }
}

/** An image's name in the parts that the chart wants. */
function imageValue(name: string): object {
  const [, registry = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(name) ?? []
  return { registry, repository, tag, pullPolicy: 'Never' }
}

export function describePod({ metadata, status }: RunningPod & KubeObject): string {
  const conditions = status?.conditions?.map(({ type, status: value }) => `${type}=${value}`).join(' ')
  const leaving = metadata.deletionTimestamp === undefined ? '' : ' (being deleted)'
  return `${metadata.name}${leaving}: ${status?.phase} ${conditions} ${JSON.stringify(status?.containerStatuses)}`
}
