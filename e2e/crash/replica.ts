import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpRequest, HttpResponse } from '../../acme/testing/http.ts'
import { callHttp } from '../harness/http-client.ts'
import type { Label } from './labels.ts'
import { Violation } from './violation.ts'

/** What all replicas of one world share. */
export interface ReplicaSetting {
  readonly databaseUrl: string
  readonly manifestsDir: string
  /** Keys and the listener's certificate. */
  readonly dataDir: string
  readonly logDir: string
  /** Where node keeps compiled modules: a start from there costs half as much. Written by processes that end in peace. */
  readonly compileCacheDir: string
  readonly validationHttpPort: number
}

export interface ReplicaRole {
  readonly name: string
  /** The row of the final table that it counts in. */
  readonly fate: string
  /** Where it kills itself, or stops itself where `pauses`. */
  readonly label?: Label
  readonly pauses?: boolean
  /** Serves only clients that were sent to it; none turns to it by itself. */
  readonly reserved?: boolean
}

/** The one URL of them all; which replica is dialled is up to the client, as it would be to a load balancer. */
export const externalUrl = 'https://acme.crash.test'

/** Leases as short as the setting permits: whatever an owner leaves behind is taken over within a second or two. */
export const leaseSeconds = 1

const checkout = dirname(dirname(import.meta.dirname))
const startLimitMilliseconds = 120_000
const requestLimitMilliseconds = 20_000

/** The connection broke because the replica ended, or was cut off: the client has to turn to another. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly replica: Replica

  constructor(replica: Replica, cause: unknown) {
    super(`${replica.name} is gone`, { cause })
    this.replica = replica
  }
}

interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A certctl process, to be killed. */
export class Replica {
  readonly name: string
  readonly fate: string
  readonly label: Label | undefined
  readonly isReserved: boolean
  readonly port: number
  /** Resolves when the process has ended, however it did. */
  readonly ended: Promise<Ending>
  readonly logFile: string
  readonly #child: ChildProcess
  readonly #setting: ReplicaSetting
  #agent: Agent | undefined
  #isReady = false
  #isCut = false
  #mayDie: boolean
  #mayStop = false

  private constructor(setting: ReplicaSetting, role: ReplicaRole, port: number) {
    this.name = role.name
    this.fate = role.fate
    this.label = role.label
    this.isReserved = role.reserved ?? false
    this.port = port
    this.#setting = setting
    this.#mayDie = role.label !== undefined && role.pauses !== true
    this.logFile = join(setting.logDir, `${role.name}.log`)
    const log = openSync(this.logFile, 'a')
    const serve = ['serve', '--manifests', setting.manifestsDir, '--data', setting.dataDir]
    this.#child = spawn(process.execPath, [join(checkout, 'operator/main.ts'), ...serve], {
      cwd: checkout,
      env: environment(setting, role, port),
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.ended = once(this.#child, 'exit').then(([code, signal]: unknown[]) => {
      this.#agent?.destroy()
      return { code, signal } as Ending
    })
  }

  static async spawn(setting: ReplicaSetting, role: ReplicaRole): Promise<Replica> {
    return new Replica(setting, role, await freePort())
  }

  /** Resolves when it serves, or when its label was reached before that: work that others left may take it there. */
  async start(): Promise<void> {
    const deadline = performance.now() + startLimitMilliseconds
    while (!this.hasEnded && !(await this.answers('/ready', 200))) {
      if (performance.now() > deadline)
        throw new Violation(`${this.name} was not ready in two minutes`, { replicas: [this] })
      await sleep(100)
    }
    this.#isReady = !this.hasEnded
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Whether it can be talked to. */
  get isOpen(): boolean {
    return this.#isReady && !this.#isCut && !this.hasEnded
  }

  /** Whether it ended, if it has, the way it was meant to. */
  endedAsMeant({ code, signal }: Ending): boolean {
    return (this.#mayDie && signal === 'SIGKILL') || (this.#mayStop && code === 0)
  }

  /** Asks it to stop in peace, and waits until it has. */
  async stop(): Promise<void> {
    this.#mayStop = true
    this.#child.kill('SIGTERM')
    await this.ended
  }

  kill(): void {
    this.#mayDie = true
    this.#child.kill('SIGKILL')
  }

  /** Whether the kernel says within that time that the process is stopped. */
  async pausesWithin(milliseconds: number): Promise<boolean> {
    const deadline = performance.now() + milliseconds
    while (!this.#isStopped() && performance.now() < deadline) await sleep(20)
    return this.#isStopped()
  }

  /** Breaks all connections to it and lets no client back, as a load balancer does to what has stopped answering. */
  cutOff(): void {
    this.#isCut = true
    this.#agent?.destroy()
    this.#agent = undefined
  }

  /** Lets a paused process go on, and clients back to it. */
  resume(): void {
    this.#child.kill('SIGCONT')
    this.#isCut = false
  }

  /** Sends a request to this process, whatever name the URL has. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#exchange(request)
    } catch (cause) {
      // The connection's end is seen before the process's.
      if (!this.#isCut) await Promise.race([this.ended, sleep(2_000, undefined, { ref: false })])
      if (this.#isCut || this.hasEnded) throw new ConnectionLost(this, cause)
      const asked = `${request.method} ${request.url}`
      throw new Violation(`${this.name} lives and did not answer ${asked}`, { replicas: [this], cause })
    }
  }

  /** Whether a probe is answered with this status. */
  async answers(path: '/health' | '/ready', status: number): Promise<boolean> {
    const { caFile } = this
    if (!existsSync(caFile)) return false
    const answer = callHttp(`https://localhost:${this.port}${path}`, { ca: readFileSync(caFile, 'utf8') })
    return answer.then(
      (given) => given.status === status,
      () => false,
    )
  }

  logTail(lines: number): string {
    const all = readFileSync(this.logFile, 'utf8').trimEnd().split('\n')
    return all
      .slice(-lines)
      .map((line) => line.slice(0, 300))
      .join('\n')
  }

  /** What clients trust for the listener. */
  private get caFile(): string {
    return join(this.#setting.dataDir, 'tls/ca.crt')
  }

  async #exchange({ method, url, headers, body }: HttpRequest): Promise<HttpResponse> {
    const asked = new URL(url)
    this.#agent ??= new Agent({ keepAlive: true, ca: readFileSync(this.caFile, 'utf8') })
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = httpsRequest({
      host: '127.0.0.1',
      port: this.port,
      servername: asked.hostname,
      path: asked.pathname + asked.search,
      method,
      agent: this.#agent,
      headers: { host: asked.host, ...headers },
    })
    request.setTimeout(requestLimitMilliseconds, () => request.destroy(new Error('no answer in time')))
    request.on('response', resolve).on('error', reject).end(body)
    const response = await promise
    const chunks: Uint8Array[] = []
    for await (const chunk of response) chunks.push(Buffer.from(chunk))
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
  }

  /** The state is the first word after the name in parentheses, which may hold anything (proc(5)). */
  #isStopped(): boolean {
    const stat = this.hasEnded ? '' : readFileSync(`/proc/${this.pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
  }
}

function environment(setting: ReplicaSetting, role: ReplicaRole, port: number): Record<string, string> {
  return {
    PATH: '/usr/bin:/bin',
    HOME: setting.dataDir,
    NODE_COMPILE_CACHE: setting.compileCacheDir,
    CERTCTL_DATABASE_URL: setting.databaseUrl,
    CERTCTL_DATABASE_POOL_SIZE: '6',
    CERTCTL_LISTEN_ACME: `127.0.0.1:${port}`,
    CERTCTL_LISTEN_PKI: 'off',
    CERTCTL_LISTEN_METRICS: 'off',
    CERTCTL_EXTERNAL_URLS: externalUrl,
    CERTCTL_ACME_VALIDATION_HTTP_PORT: String(setting.validationHttpPort),
    CERTCTL_LEASE_DURATION: `${leaseSeconds}s`,
    // The audit reads what the janitor would take away.
    CERTCTL_ACME_SERVER_GC_INTERVAL: '24h',
    ...(role.label !== undefined && {
      CERTCTL_TEST_CHECKPOINT: role.pauses === true ? `${role.label}:stop` : role.label,
    }),
  }
}

/** Outside of the range from which the kernel takes ports for outgoing connections, of which there are many here. */
let nextPort = 20_000 + (process.pid % 1_000) * 10

async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort++
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    probe.close()
    if (isFree) return port
  }
}
