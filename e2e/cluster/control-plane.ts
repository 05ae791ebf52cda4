import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, Service, systemPath } from '../harness/processes.ts'
import { makeCa, makeCertificate, type KeyPairFiles } from '../harness/openssl.ts'
import { callHttp } from '../harness/http-client.ts'
import { addresses } from './addresses.ts'
import type { Credentials } from './api-client.ts'
import { isOlder } from './build/go.ts'
import type { Programs } from './build/programs.ts'

const apiPort = 6443

/** Where Kubernetes has ClusterTrustBundles as v1beta1, which it must be told to serve all the same. */
const clusterTrustBundlesSince = '1.33'

/** Who did what, without the bodies: enough to see what an identity was refused. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
}

export interface ControlPlaneWish {
  readonly programs: Programs
  readonly folder: string
  /** Its number among all of a run, from 0. */
  readonly index: number
}

/** etcd and a Kubernetes API server, with nothing that runs pods. */
export class ControlPlane {
  readonly host: string
  readonly url: string
  readonly auditFile: string
  readonly #etcdHost: string
  readonly #programs: Programs
  readonly #folder: string
  readonly #ca: KeyPairFiles
  readonly #caPem: string
  #etcd: Service | undefined
  #apiServer: Service | undefined
  readonly #starts: { readonly begun: number; readonly ready: number }[] = []
  /** Lines of API servers that were stopped. */
  readonly #earlierLines: string[] = []

  private constructor(wish: ControlPlaneWish, ca: { files: KeyPairFiles; pem: string }) {
    const { programs, folder, index } = wish
    this.host = addresses.apiServer(index)
    this.url = `https://${this.host}:${apiPort}`
    this.#etcdHost = addresses.etcd(index)
    this.#programs = programs
    this.#folder = folder
    this.#ca = ca.files
    this.#caPem = ca.pem
    this.auditFile = join(folder, 'audit.log')
  }

  /** Starts both on an empty store, and waits until the API server is ready. */
  static async start(wish: ControlPlaneWish): Promise<ControlPlane> {
    await mkdir(wish.folder, { recursive: true })
    const files = await makeCa(wish.folder, 'cluster-ca')
    const plane = new ControlPlane(wish, { files, pem: await readFile(files.certificateFile, 'utf8') })
    await plane.#prepare()
    plane.#startEtcd()
    await plane.startApiServer()
    return plane
  }

  /** Credentials of a user who may do anything. */
  async administrator(user: string): Promise<Credentials> {
    const pair = await makeCertificate(this.#ca, user, { subject: `/O=system:masters/CN=${user}`, names: [] })
    const certificate = await readFile(pair.certificateFile, 'utf8')
    return this.credentials({ certificate, key: await readFile(pair.keyFile, 'utf8') })
  }

  credentials(identity: Credentials['identity']): Credentials {
    return { url: this.url, ca: this.#caPem, identity }
  }

  /** Whether it has the kind ClusterTrustBundle in the version that the operator writes. */
  get hasClusterTrustBundles(): boolean {
    return !isOlder(this.#programs.version, clusterTrustBundlesSince)
  }

  /** What pods find as ca.crt beside their token. */
  get caPem(): string {
    return this.#caPem
  }

  /** Where it keeps its certificates and keys. */
  get folder(): string {
    return this.#folder
  }

  /** What the API server has logged, over all its starts. */
  get log(): readonly string[] {
    return [...this.#earlierLines, ...(this.#apiServer?.lines ?? [])]
  }

  /** Whether the API server was listening at that time, in milliseconds since 1970, but did not know all rights yet. */
  wasStarting(time: number): boolean {
    return this.#starts.some(({ begun, ready }) => begun <= time && time <= ready)
  }

  /** Starts the API server on what etcd holds, and waits until it is ready. */
  async startApiServer(): Promise<void> {
    const begun = Date.now()
    const service = new Service({
      program: this.#programs.kubeApiserver,
      args: this.#apiServerArgs(),
      env: { PATH: systemPath },
      cwd: this.#folder,
    })
    this.#apiServer = service
    await service
      .until('it was ready', () => this.#isReady(), AbortSignal.timeout(90_000))
      .catch((error: unknown) => {
        const lines = [...(this.#etcd?.lines.slice(-10) ?? []), ...service.lines.slice(-40)]
        throw new Error(`kube-apiserver did not start:\n${lines.join('\n')}`, { cause: error })
      })
    this.#starts.push({ begun, ready: Date.now() })
  }

  /** Ends the API server as a crash would; every connection to it breaks. */
  async killApiServer(): Promise<void> {
    await this.#apiServer?.kill()
    this.#earlierLines.push(...(this.#apiServer?.lines ?? []))
    this.#apiServer = undefined
  }

  /** Makes etcd forget everything but the present, so that a watch from before is answered 410 Gone. */
  async compact(): Promise<void> {
    const { header } = (await this.#etcdCall('kv/range', { key: 'AA==' })) as { header: { revision: string } }
    await this.#etcdCall('kv/compaction', { revision: header.revision, physical: true })
  }

  async #prepare(): Promise<void> {
    // Pods reach it at the first address of the Services.
    const names = [`IP:${this.host}`, 'IP:10.96.0.1', 'DNS:kubernetes.default.svc']
    await makeCertificate(this.#ca, 'apiserver', { subject: '/CN=kube-apiserver', names })
    const key = await runCommand(
      {
        program: 'openssl',
        args: ['genpkey', '-algorithm', 'RSA', '-out', 'service-accounts.key'],
        env: { PATH: systemPath },
        cwd: this.#folder,
      },
      AbortSignal.timeout(20_000),
    )
    if (key.code !== 0) throw new Error(`openssl genpkey failed: ${key.output}`)
    // JSON is YAML.
    await writeFile(join(this.#folder, 'audit-policy.yaml'), JSON.stringify(auditPolicy))
  }

  get #etcdUrl(): string {
    return `http://${this.#etcdHost}:2379`
  }

  #startEtcd(): void {
    const peerUrl = `http://${this.#etcdHost}:2380`
    const etcdUrl = this.#etcdUrl
    const options = {
      name: 'e2e',
      'data-dir': join(this.#folder, 'etcd'),
      'listen-client-urls': etcdUrl,
      'advertise-client-urls': etcdUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': `e2e=${peerUrl}`,
      // Nothing of a test survives it, so nothing needs to reach the disk.
      'unsafe-no-fsync': 'true',
    }
    this.#etcd = new Service({ program: this.#programs.etcd, args: flags(options), env: { PATH: systemPath } })
  }

  #apiServerArgs(): string[] {
    const file = (name: string): string => join(this.#folder, name)
    return flags({
      'etcd-servers': this.#etcdUrl,
      'bind-address': this.host,
      'advertise-address': this.host,
      'secure-port': String(apiPort),
      'tls-cert-file': file('apiserver.pem'),
      'tls-private-key-file': file('apiserver-key.pem'),
      'client-ca-file': file('cluster-ca.pem'),
      'service-account-key-file': file('service-accounts.key'),
      'service-account-signing-key-file': file('service-accounts.key'),
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-cluster-ip-range': '10.96.0.0/16',
      'authorization-mode': 'RBAC',
      ...(this.hasClusterTrustBundles && {
        'feature-gates': 'ClusterTrustBundle=true',
        'runtime-config': 'certificates.k8s.io/v1beta1/clustertrustbundles=true',
      }),
      'audit-policy-file': file('audit-policy.yaml'),
      'audit-log-path': this.auditFile,
    })
  }

  async #isReady(): Promise<true | undefined> {
    try {
      const answer = await callHttp(`${this.url}/readyz`, { ca: this.#caPem })
      return answer.status === 200 ? true : undefined
    } catch {
      return undefined
    }
  }

  /** etcd answers its own protocol as JSON as well. */
  async #etcdCall(method: string, body: object): Promise<unknown> {
    const answer = await callHttp(`${this.#etcdUrl}/v3/${method}`, { method: 'POST', body: JSON.stringify(body) })
    if (answer.status !== 200) throw new Error(`etcd answered ${answer.status} ${answer.body} to ${method}`)
    return JSON.parse(answer.body)
  }
}

function flags(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`)
}

/** A kubeconfig file for these credentials. */
export async function writeKubeconfig(file: string, credentials: Credentials): Promise<string> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const { url, ca, identity } = credentials
  const user =
    'token' in identity
      ? { token: identity.token }
      : { 'client-certificate-data': base64(identity.certificate), 'client-key-data': base64(identity.key) }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'e2e', cluster: { server: url, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'e2e', user }],
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e' } }],
    'current-context': 'e2e',
  }
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  return file
}
