import { median } from '../load/statistics.ts'
import type { Cell } from './driver.ts'
import type { Measurement } from './measure.ts'

/** The medians of one cell over the repetitions; failures are added up. */
export interface CellSummary {
  server: string
  cell: Cell
  issuedPerSecond: { median: number; least: number; most: number }
  p50: number | undefined
  p95: number | undefined
  p99: number | undefined
  attempted: number
  failed: number
  failures: Record<string, number>
  serverCpuMs: number
  postgresCpuMs: number | undefined
  roundTrips: number | undefined
  sqlStatements: number | undefined
  walBytes: number | undefined
  storedBytes: number | undefined
  polls: number
  clientCpuMs: number
  clientBusy: number
  strangersCpuShare: number
}

/** One summary for each server and cell, in the order in which they first occur. */
export function summarize(measurements: readonly Measurement[]): CellSummary[] {
  const groups = Map.groupBy(measurements, ({ server, cell }) =>
    [server, cell.mode, cell.concurrency, cell.accounts].join(' '),
  )
  return [...groups.values()].map(summarizeCell)
}

function summarizeCell(runs: readonly Measurement[]): CellSummary {
  const first = runs[0]!
  const middle = (value: (run: Measurement) => number | undefined): number | undefined =>
    median(runs.map(value).filter((each) => each !== undefined))
  const rates = runs.map((run) => run.load.issuedPerSecond)
  const failures: Record<string, number> = {}
  for (const { load } of runs) {
    for (const [key, count] of Object.entries(load.failures)) failures[key] = (failures[key] ?? 0) + count
  }
  return {
    server: first.server,
    cell: first.cell,
    issuedPerSecond: { median: median(rates) ?? 0, least: Math.min(...rates), most: Math.max(...rates) },
    p50: middle((run) => run.load.latencyMs.p50),
    p95: middle((run) => run.load.latencyMs.p95),
    p99: middle((run) => run.load.latencyMs.p99),
    attempted: runs.reduce((sum, run) => sum + run.load.attempted, 0),
    failed: runs.reduce((sum, run) => sum + run.load.attempted - run.load.issued, 0),
    failures,
    serverCpuMs: middle((run) => run.cost.serverCpuMs) ?? 0,
    postgresCpuMs: middle((run) => run.cost.postgresCpuMs),
    roundTrips: middle((run) => run.cost.roundTrips),
    sqlStatements: middle((run) => run.cost.sqlStatements),
    walBytes: middle((run) => run.cost.walBytes),
    storedBytes: middle((run) => run.cost.storedBytes),
    polls: middle((run) => run.load.perIssuance.authorizationPolls + run.load.perIssuance.orderPolls) ?? 0,
    clientCpuMs: middle((run) => run.load.perIssuance.clientCpuMs) ?? 0,
    clientBusy: middle((run) => run.load.clientBusy) ?? 0,
    strangersCpuShare: middle((run) => run.strangersCpuShare) ?? 0,
  }
}
