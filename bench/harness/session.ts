import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { certctlOnPglite, certctlOnPostgres, startBothBackends, type RateLimitBackend } from '../servers/certctl.ts'
import { cacheFolder } from '../servers/go-peer.ts'
import { pebble } from '../servers/pebble.ts'
import type { BenchedServer, RunningServer, ServerName, Surroundings } from '../servers/server.ts'
import { stepCaOnBadger, stepCaOnPostgres } from '../servers/step-ca.ts'
import { startDnsServer } from './dns-server.ts'
import type { Cell, Load } from './driver.ts'
import { measure, type Measurement } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { freePorts } from './ports.ts'
import { residentBytes } from './proc.ts'
import { chooseCores, pinHarness, stopEverything, wasInterrupted, type Cores } from './processes.ts'

/** Everything one run of the benchmark found. */
export interface Findings {
  cores: Cores | undefined
  setUps: Record<string, string>
  skipped: Record<string, string>
  /** Servers that failed to start or whose driver gave up, with the reason. */
  broken: Record<string, string>
  postgresVersion: string | undefined
  measurements: Measurement[]
  starts: { server: string; repetition: number; idleBytes: number; endBytes: number }[]
  backends: Record<RateLimitBackend, Measurement[]>
}

const benched: Record<ServerName, BenchedServer> = {
  'certctl-postgres': certctlOnPostgres,
  'certctl-pglite': certctlOnPglite,
  pebble,
  'step-ca-badger': stepCaOnBadger,
  'step-ca-postgres': stepCaOnPostgres,
}

const domainSuffix = 'bench.test'
const settleMs = 1500

/** Runs the whole plan, telling `say` what it is at. A server that fails is set aside, the others go on. */
export async function runSession(options: BenchOptions, say: (line: string) => void): Promise<Findings> {
  const cores = options.pin ? chooseCores(options.postgresCore) : undefined
  if (cores) pinHarness(cores.driver)
  const findings: Findings = {
    cores,
    setUps: {},
    skipped: {},
    broken: {},
    postgresVersion: undefined,
    measurements: [],
    starts: [],
    backends: { memory: [], postgres: [] },
  }
  const servers = await prepareServers(options, findings, say)
  const [dnsPort = 0, validationHttpPort = 0, validationTlsPort = 0] = await freePorts(3)
  const nameServer = await startDnsServer(dnsPort)
  mkdirSync(cacheFolder, { recursive: true })
  const root = mkdtempSync(join(cacheFolder, 'run-'))
  chmodSync(root, 0o755) // Postgres, as another user, has to get through.
  let starts = 0
  const freshSurroundings = (): Surroundings => {
    const folder = join(root, String(++starts))
    mkdirSync(folder)
    const { settings, cpuProfFolder } = options
    return {
      folder,
      cores,
      nameServer: nameServer.address,
      validationHttpPort,
      validationTlsPort,
      domainSuffix,
      settings,
      cpuProfFolder,
    }
  }
  try {
    for (let repetition = 0; repetition < options.repetitions; repetition++) {
      for (const server of rotate(servers, repetition)) {
        if (findings.broken[server.name]) continue
        await guarded(server.name, findings, say, () =>
          runServer(server, { repetition, options, findings, surroundings: freshSurroundings(), say }),
        )
      }
    }
    if (options.pairs > 0 && servers.includes(certctlOnPostgres)) {
      await guarded('rate-limit backends', findings, say, () =>
        compareBackends(freshSurroundings(), options, findings, say),
      )
    }
  } finally {
    await stopEverything()
    nameServer.close()
    const keep = options.keep || Object.keys(findings.broken).length > 0
    if (keep) say(`servers' folders and logs are in ${root}`)
    else rmSync(root, { recursive: true, force: true })
  }
  return findings
}

async function prepareServers(
  options: BenchOptions,
  findings: Findings,
  say: (line: string) => void,
): Promise<BenchedServer[]> {
  const ready: BenchedServer[] = []
  for (const name of options.servers) {
    const server = benched[name]
    const missing = await server.prepare()
    if (missing) {
      findings.skipped[name] = missing
      say(`SKIPPED ${name}: ${missing}`)
    } else {
      findings.setUps[name] = server.setUp
      ready.push(server)
    }
  }
  return ready
}

/** One start of one server: idle memory, then its cells in rotated order. */
async function runServer(
  benchedServer: BenchedServer,
  context: {
    repetition: number
    options: BenchOptions
    findings: Findings
    surroundings: Surroundings
    say: (line: string) => void
  },
): Promise<void> {
  const { repetition, options, findings, surroundings, say } = context
  const { name } = benchedServer
  say(`[${repetition + 1}/${options.repetitions}] starting ${name}`)
  const server = await benchedServer.start(surroundings)
  await sleep(settleMs)
  const idleBytes = residentBytes(server.pid)
  for (const [place, cell] of rotate(cellsOf(server, name, options), repetition).entries()) {
    const load = loadOf(cell, options, place === 0)
    const measurement = await measure(server, surroundings, load, { server: name, repetition })
    findings.measurements.push(measurement)
    say(`[${repetition + 1}/${options.repetitions}] ${progressLine(measurement)}`)
  }
  findings.starts.push({ server: name, repetition, idleBytes, endBytes: residentBytes(server.pid) })
  findings.postgresVersion ??= server.database?.cluster.version
  await server.stop()
}

/** Both backends loaded in turns, so that what else the machine does meets both alike. */
async function compareBackends(
  surroundings: Surroundings,
  options: BenchOptions,
  findings: Findings,
  say: (line: string) => void,
): Promise<void> {
  say('starting certctl with each rate-limit backend')
  const both = await startBothBackends(surroundings)
  const cell: Cell = { mode: 'http-01', concurrency: 8, accounts: 32 }
  for (let round = 0; round < options.pairs; round++) {
    for (const backend of ['memory', 'postgres'] as const) {
      const measurement = await measure(both.servers[backend], surroundings, loadOf(cell, options, round === 0), {
        server: `rate-limit backend ${backend}`,
        repetition: round,
      })
      findings.backends[backend].push(measurement)
      say(`[pair ${round + 1}/${options.pairs}] ${progressLine(measurement)}`)
    }
  }
  await both.stop()
}

async function guarded(
  name: string,
  findings: Findings,
  say: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (wasInterrupted()) throw error
    const reason = error instanceof Error ? error.message : String(error)
    findings.broken[name] = reason
    say(`FAILED ${name}: ${reason}`)
    await stopEverything()
  }
}

function cellsOf(server: RunningServer, name: string, options: BenchOptions): Cell[] {
  const matrix = name.startsWith('certctl') ? options.certctl : options.peers
  const proven = matrix.concurrency.flatMap((concurrency) =>
    matrix.accounts.map((accounts): Cell => ({ mode: 'http-01', concurrency, accounts })),
  )
  return server.directories.trust ? [...proven, { mode: 'trust', concurrency: 8, accounts: 32 }] : proven
}

function loadOf(cell: Cell, options: BenchOptions, isFirst: boolean): Load {
  const { issuances, namesPerOrder, pollMs } = options
  const warmup = isFirst ? options.firstWarmup : options.warmup
  return { cell, issuances, warmup, namesPerOrder, pollMs }
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function progressLine({ server, cell, load, cost }: Measurement): string {
  const cpu = cost.serverCpuMs + (cost.postgresCpuMs ?? 0)
  const failures = Object.entries(load.failures).map(([key, count]) => `${count} x ${key}`)
  return [
    `${server} ${cell.mode} c=${cell.concurrency} accounts=${cell.accounts}:`,
    `${load.issuedPerSecond.toFixed(1)}/s, p50 ${load.latencyMs.p50?.toFixed(0) ?? '-'} ms, CPU ${cpu.toFixed(1)} ms,`,
    `failed ${load.attempted - load.issued}${failures.length ? ` (${failures.join(', ')})` : ''}`,
  ].join(' ')
}
