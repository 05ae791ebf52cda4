import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { callHttp } from '../harness/http-client.ts'
import { Service, systemPath, type Command } from '../harness/processes.ts'
import { until } from './wait.ts'

const checkout = dirname(dirname(import.meta.dirname))

/** Where a pod finds its ServiceAccount's token. */
const credentialsDir = '/run/secrets/kubernetes.io/serviceaccount'

/** What one process of the operator is given. */
export interface ReplicaSetting {
  readonly name: string
  readonly address: string
  readonly folder: string
  readonly settings: Readonly<Record<string, string>>
  readonly apiServer: { readonly host: string; readonly port: number; readonly ca: string; readonly token: string }
  readonly namespace: string
  /** A kubeconfig file in place of the credentials of a pod. */
  readonly kubeconfig?: string | undefined
}

/** A process of the operator, started as a pod's would be: with a ServiceAccount's credentials and environment variables. */
export class Replica {
  readonly name: string
  readonly address: string
  readonly tokenFile: string
  readonly #service: Service

  private constructor(setting: ReplicaSetting, tokenFile: string) {
    this.name = setting.name
    this.address = setting.address
    this.tokenFile = tokenFile
    const { folder } = setting
    this.#service = new Service({
      ...(setting.kubeconfig === undefined ? inCluster(dirname(tokenFile)) : outside(setting.kubeconfig)),
      cwd: checkout,
      env: {
        PATH: systemPath,
        HOME: folder,
        NODE_COMPILE_CACHE: join(dirname(folder), 'compiled'),
        ...(setting.kubeconfig === undefined && {
          KUBERNETES_SERVICE_HOST: setting.apiServer.host,
          KUBERNETES_SERVICE_PORT: String(setting.apiServer.port),
        }),
        CERTCTL_POD_NAME: setting.name,
        CERTCTL_LISTEN_ACME: `${setting.address}:8443`,
        CERTCTL_LISTEN_PKI: `${setting.address}:8080`,
        CERTCTL_LISTEN_METRICS: `${setting.address}:9402`,
        ...setting.settings,
      },
    })
  }

  static async start(setting: ReplicaSetting): Promise<Replica> {
    const mounted = join(setting.folder, 'serviceaccount')
    await mkdir(mounted, { recursive: true })
    // The place to mount it at; /run is the private namespace's own.
    await mkdir(credentialsDir, { recursive: true })
    const tokenFile = join(mounted, 'token')
    await writeFile(tokenFile, setting.apiServer.token)
    await writeFile(join(mounted, 'ca.crt'), setting.apiServer.ca)
    await writeFile(join(mounted, 'namespace'), setting.namespace)
    return new Replica(setting, tokenFile)
  }

  get log(): readonly string[] {
    return this.#service.lines
  }

  get isRunning(): boolean {
    return this.#service.pid !== undefined
  }

  get pid(): number {
    if (this.#service.pid === undefined) throw new Error(`${this.name} has ended`)
    return this.#service.pid
  }

  pause(): void {
    this.#service.signal('SIGSTOP')
  }

  resume(): void {
    this.#service.signal('SIGCONT')
  }

  kill(): Promise<void> {
    return this.#service.kill()
  }

  /** Asks it to end, as a kubelet does, and waits until it has. */
  stop(): Promise<void> {
    return this.#service.stop()
  }

  /** Waits until /ready answers 200. */
  async ready(seconds = 60): Promise<void> {
    await this.#service
      .until('it was ready', () => this.#isReady(), AbortSignal.timeout(seconds * 1000))
      .catch((error: unknown) => {
        throw new Error(`${this.name} did not start:\n${this.log.slice(-40).join('\n')}`, { cause: error })
      })
  }

  /** The values of a metric by its labels, as `{kind="Issuer"}`, or by '' where it has none. */
  async metric(name: string): Promise<ReadonlyMap<string, number>> {
    const { body } = await callHttp(`http://${this.address}:9402/metrics`)
    const lines = body.matchAll(new RegExp(`^${RegExp.escape(name)}(\\{[^}]*\\})? (\\S+)$`, 'gm'))
    return new Map([...lines].map(([, labels = '', value]) => [labels, Number(value)]))
  }

  /** Waits for a line of the log that has all of these. */
  async logged(what: string, seconds: number, isIt: (line: string) => boolean): Promise<string> {
    return until({ what: `${this.name} to log ${what}`, seconds }, async () => this.log.find(isIt))
  }

  async #isReady(): Promise<true | undefined> {
    try {
      const answer = await callHttp(`https://${this.address}:8443/ready`, { insecure: true })
      return answer.status === 200 ? true : undefined
    } catch {
      return undefined
    }
  }
}

const serve = [join(checkout, 'operator/main.ts'), 'serve']

/** In a mount namespace of its own, so that each replica finds its own credentials where pods find theirs. */
function inCluster(mounted: string): Pick<Command, 'program' | 'args'> {
  const script = `mount --bind "$0" ${credentialsDir} && exec "$@"`
  return { program: 'unshare', args: ['--mount', '--', 'sh', '-c', script, mounted, process.execPath, ...serve] }
}

function outside(kubeconfig: string): Pick<Command, 'program' | 'args'> {
  return { program: process.execPath, args: [...serve, '--kubeconfig', kubeconfig] }
}
