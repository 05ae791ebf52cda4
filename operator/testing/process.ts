import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'

const main = join(import.meta.dirname, '..', 'main.ts')

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A running `certctl serve`. */
export interface ServeProcess {
  readonly child: ChildProcess
  readonly ports: { readonly acme: number; readonly pki: number; readonly metrics: number }
  output(): string
  /** GET on the ACME listener, trusting only the CA it publishes. */
  get(path: string): Promise<Answer>
  /** GET on the metrics listener over TLS, trusting only that CA. */
  getMetrics(path: string): Promise<Answer>
  /** Waits until /ready says so. */
  ready(): Promise<void>
  /** Sends a signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<{ code: number | null; milliseconds: number }>
}

/** Ends with what the command printed. */
export async function runCertctl(
  words: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, ...words], { env: { PATH: process.env['PATH'], ...environment } })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  await once(child, 'close')
  return { code: child.exitCode, ...output }
}

/** Starts the real command on free ports; it is killed when the test ends. */
export async function startServe(
  t: TestContext,
  options: { manifests: string; data: string; environment?: Record<string, string> },
): Promise<ServeProcess> {
  const [acme, pki, metrics] = await freePorts()
  const child = spawn(process.execPath, [main, 'serve', '--manifests', options.manifests, '--data', options.data], {
    env: {
      PATH: process.env['PATH'],
      CERTCTL_LISTEN_ACME: `127.0.0.1:${acme}`,
      CERTCTL_LISTEN_PKI: `127.0.0.1:${pki}`,
      CERTCTL_LISTEN_METRICS: `127.0.0.1:${metrics}`,
      ...options.environment,
    },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
  })

  const getFrom = async (port: number, path: string): Promise<Answer> => {
    const ca = await readFile(join(options.data, 'tls', 'ca.crt'))
    return httpsGet({ port, path, ca })
  }
  const get = (path: string): Promise<Answer> => getFrom(acme, path)
  return {
    child,
    ports: { acme, pki, metrics },
    output: () => output,
    get,
    getMetrics: (path) => getFrom(metrics, path),
    async ready() {
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
        if (child.exitCode !== null) throw new Error(`certctl ended before it was ready:\n${output}`)
        const answer = await get('/ready').catch(() => undefined)
        if (answer?.status === 200) return
      }
      throw new Error(`certctl did not become ready:\n${output}`)
    },
    async end(signal = 'SIGTERM') {
      const started = performance.now()
      child.kill(signal)
      await closed
      return { code: child.exitCode, milliseconds: performance.now() - started }
    },
  }
}

function httpsGet(options: { port: number; path: string; ca: Buffer }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const get = request({ host: '127.0.0.1', servername: 'localhost', agent: false, ...options }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    get.on('error', reject)
    get.setTimeout(10_000, () => get.destroy(new Error('no answer within 10 s')))
    get.end()
  })
}

export async function freePorts(): Promise<[number, number, number]> {
  const servers = [createServer(), createServer(), createServer()]
  const ports = servers.map(async (server) => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  })
  const [first = 0, second = 0, third = 0] = await Promise.all(ports)
  for (const server of servers) server.close()
  return [first, second, third]
}
