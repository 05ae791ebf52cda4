import type { LoadResult } from '../load/result.ts'
import type { RunningServer, Surroundings } from '../servers/server.ts'
import { drive, type Cell, type Load } from './driver.ts'
import type { StatementCost } from './postgres.ts'
import { machineCpuMs, residentBytes, treeCpuMs } from './proc.ts'

/** One cell measured once. Costs are per issued certificate. */
export interface Measurement {
  server: string
  repetition: number
  cell: Cell
  load: LoadResult
  cost: {
    serverCpuMs: number
    postgresCpuMs?: number
    roundTrips?: number
    sqlStatements?: number
    walBytes?: number
    storedBytes?: number
  }
  serverResidentBytes: number
  /** The SQL statements of the measured part that took most time. */
  statements: StatementCost[]
  /** CPU used meanwhile by processes that are no part of the benchmark, as a share of one core. */
  strangersCpuShare: number
}

interface Meters {
  wallMs: number
  serverCpuMs: number
  machineCpuMs: number
  harnessCpuMs: number
  postgresCpuMs: number | undefined
  roundTrips: number | undefined
  sqlStatements: number | undefined
  walBytes: number | undefined
  storedBytes: number | undefined
}

/** Drives one load and reads every meter just before its measured part and after it. */
export async function measure(
  server: RunningServer,
  surroundings: Surroundings,
  load: Load,
  identity: { server: string; repetition: number },
): Promise<Measurement> {
  let before: Meters | undefined
  const result = await drive(server, surroundings, load, async () => {
    await server.database?.cluster.forgetStatements(server.database.name)
    const slow = await readSlowMeters(server)
    before = { ...slow, ...readCpuMeters(server) }
  })
  const cpuAfter = readCpuMeters(server)
  const after: Meters = { ...(await readSlowMeters(server)), ...cpuAfter }
  if (!before) throw new Error('the load generator measured without asking')

  const cost = costPerIssuance(before, after, result.issued)
  const ours =
    (cost.serverCpuMs + (cost.postgresCpuMs ?? 0) + result.perIssuance.clientCpuMs) * Math.max(1, result.issued) +
    (after.harnessCpuMs - before.harnessCpuMs)
  const elsewhere = after.machineCpuMs - before.machineCpuMs - ours
  return {
    ...identity,
    cell: load.cell,
    load: result,
    cost,
    serverResidentBytes: residentBytes(server.pid),
    statements: (await server.database?.cluster.topStatements(server.database.name)) ?? [],
    strangersCpuShare: Math.max(0, elsewhere / (after.wallMs - before.wallMs)),
  }
}

function readCpuMeters(server: RunningServer) {
  const harness = process.cpuUsage()
  return {
    wallMs: performance.now(),
    serverCpuMs: treeCpuMs(server.pid),
    machineCpuMs: machineCpuMs(),
    harnessCpuMs: (harness.user + harness.system) / 1000,
    postgresCpuMs: server.database?.cluster.cpuMs(),
  }
}

async function readSlowMeters(server: RunningServer) {
  const { database } = server
  return {
    roundTrips: await server.roundTrips?.(),
    sqlStatements: await database?.cluster.statements(database.name),
    walBytes: await database?.cluster.walBytes(),
    storedBytes: await server.storedBytes?.(),
  }
}

function costPerIssuance(before: Meters, after: Meters, issued: number): Measurement['cost'] {
  const each = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? undefined : (to - from) / Math.max(1, issued)
  const optional = {
    postgresCpuMs: each(before.postgresCpuMs, after.postgresCpuMs),
    roundTrips: each(before.roundTrips, after.roundTrips),
    sqlStatements: each(before.sqlStatements, after.sqlStatements),
    walBytes: each(before.walBytes, after.walBytes),
    storedBytes: each(before.storedBytes, after.storedBytes),
  }
  return {
    serverCpuMs: (after.serverCpuMs - before.serverCpuMs) / Math.max(1, issued),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  }
}
