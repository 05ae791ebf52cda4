import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { stringify } from 'yaml'
import type { Loose } from './helm.ts'

/** A Prometheus on loopback. */
export interface PrometheusServer {
  /** `data` of an answer of its API (`/api/v1/…`). Throws what Prometheus says where it refuses. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<Loose>
}

/** Starts the program with this configuration and rules; it is ended with the test. */
export async function startPrometheus(
  t: TestContext,
  options: { program: string; config: object; rules: object },
): Promise<PrometheusServer> {
  const folder = await mkdtemp(join(tmpdir(), 'certctl-prometheus-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'rules.yaml'), stringify(options.rules))
  const configFile = join(folder, 'prometheus.yaml')
  await writeFile(configFile, stringify({ ...options.config, rule_files: [join(folder, 'rules.yaml')] }))
  const address = `127.0.0.1:${await freePort()}`
  const words = ['--config.file', configFile, '--storage.tsdb.path', join(folder, 'data')]
  const child = spawn(options.program, [...words, '--web.listen-address', address, '--log.level', 'warn'], {
    env: { PATH: '/usr/bin:/bin' },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  await until('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended:\n${output}`)
    const answer = await fetch(`http://${address}/-/ready`).catch(() => undefined)
    await answer?.body?.cancel()
    return answer?.status === 200
  })
  return {
    async ask(path, parameters = {}) {
      const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`
      const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) })
      const { status, data, error }: Loose = await answer.json()
      if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`)
      return data
    },
  }
}

/** Looks ten times a second until it holds; throws after a minute. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`never came true: ${what}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  server.close()
  await once(server, 'close')
  return address.port
}
