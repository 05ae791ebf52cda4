// Load generator: whole ACME issuances in a closed loop. `node bench/load.ts --help` lists the options.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'

import { connect, UnexpectedReply, type Account, type AcmeConnection } from './load/acme.ts'
import { createCertificateRequest } from './load/csr.ts'
import { certificateFault, issueCertificate, type Polls, type PreparedOrder } from './load/issuance.ts'
import { loadUsage, parseLoadOptions, type LoadOptions } from './load/options.ts'
import { startResponder, type Responder } from './load/responder.ts'
import { describeResult, type LoadResult } from './load/result.ts'
import { percentile } from './load/statistics.ts'

interface Load {
  options: LoadOptions
  acme: AcmeConnection
  accounts: Account[]
  responder: Responder | undefined
}

/** Checking a certificate costs the client as much as signing a request, so the measured part checks a sample. */
const checkEvery = 20

async function main(): Promise<void> {
  const options = parseLoadOptions(process.argv.slice(2))
  if (!options) return console.log(loadUsage)

  const acme = await connect(options)
  const responder = options.mode === 'http-01' ? await startResponder(options.httpPort) : undefined
  try {
    const accounts: Account[] = []
    for (let i = 0; i < options.accounts; i++) accounts.push(await acme.register())
    const load = { options, acme, accounts, responder }
    const warmup = prepareOrders(options, options.warmup)
    const measured = prepareOrders(options, options.issuances)
    await run(load, warmup, { checkEvery: 1 })
    if (options.gate) await waitAtGate()
    const result = await run(load, measured, { checkEvery })
    console.log(options.json ? JSON.stringify({ event: 'result', result }) : describeResult(result))
  } finally {
    acme.close()
    responder?.close()
  }
}

function prepareOrders(options: LoadOptions, count: number): PreparedOrder[] {
  const run = randomBytes(5).toString('hex')
  return Array.from({ length: count }, (_order, i) => {
    const names = Array.from(
      { length: options.namesPerOrder },
      (_name, k) => `n${i}-${k}-${run}.${options.domainSuffix}`,
    )
    const { der, publicKey } = createCertificateRequest(names)
    return { names, csr: der.toString('base64url'), publicKey }
  })
}

async function waitAtGate(): Promise<void> {
  console.log(JSON.stringify({ event: 'ready' }))
  await once(process.stdin, 'data')
  process.stdin.pause()
}

async function run(load: Load, orders: readonly PreparedOrder[], how: { checkEvery: number }): Promise<LoadResult> {
  const { acme, accounts, options, responder } = load
  const latencies: number[] = []
  const failures: Record<string, number> = {}
  const polls: Polls = { authorization: 0, order: 0 }
  const countsBefore = { ...acme.counts, fetches: responder?.fetches() ?? 0 }
  const loopBefore = performance.eventLoopUtilization()
  const cpuBefore = process.cpuUsage()
  const begun = performance.now()
  let next = 0

  async function worker(): Promise<void> {
    for (let i = next++; i < orders.length; i = next++) {
      const order = orders[i]!
      const account = accounts[i % accounts.length]!
      const started = performance.now()
      try {
        const chainPem = await issueCertificate({ acme, account, pollMs: options.pollMs, polls }, order, responder)
        const latency = performance.now() - started
        const fault = i % how.checkEvery === 0 ? certificateFault(chainPem, order) : undefined
        if (fault) count(failures, `wrong certificate: ${fault}`)
        else latencies.push(latency)
      } catch (error) {
        count(failures, failureKey(error))
      }
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, worker))

  const seconds = (performance.now() - begun) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  const each = (amount: number) => amount / Math.max(1, latencies.length)
  latencies.sort((a, b) => a - b)
  return {
    attempted: orders.length,
    issued: latencies.length,
    seconds,
    issuedPerSecond: latencies.length / seconds,
    latencyMs: {
      p50: percentile(latencies, 0.5),
      p95: percentile(latencies, 0.95),
      p99: percentile(latencies, 0.99),
      max: latencies.at(-1),
    },
    failures,
    perIssuance: {
      requests: each(acme.counts.requests - countsBefore.requests),
      authorizationPolls: each(polls.authorization),
      orderPolls: each(polls.order),
      validationFetches: each((responder?.fetches() ?? 0) - countsBefore.fetches),
      clientCpuMs: each((cpu.user + cpu.system) / 1000),
    },
    badNonceRetries: acme.counts.badNonceRetries - countsBefore.badNonceRetries,
    newNonces: acme.counts.newNonces - countsBefore.newNonces,
    clientBusy: performance.eventLoopUtilization(loopBefore).utilization,
  }
}

function failureKey(error: unknown): string {
  if (error instanceof UnexpectedReply) return error.key
  if (error instanceof Error && 'code' in error) return `connection ${String(error.code)}`
  return String(error)
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}

try {
  await main()
} catch (error) {
  console.error(`load: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
