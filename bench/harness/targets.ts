import type { CellSummary } from './summary.ts'

export interface Target {
  sentence: string
  /** Undefined where this run can't say. */
  met: boolean | undefined
  found: string
}

/** What certctl promises about speed, judged by this run. */
export function judgeTargets(summaries: readonly CellSummary[], backends: { price: number } | undefined): Target[] {
  const at8 = (server: string, mode = 'http-01') =>
    summaries.find(
      ({ server: name, cell }) =>
        name === server && cell.mode === mode && cell.concurrency === 8 && cell.accounts === 32,
    )
  const ours = at8('certctl-postgres')
  const rate = (summary: CellSummary | undefined) => summary?.issuedPerSecond.median
  const cpu = ours && ours.serverCpuMs + (ours.postgresCpuMs ?? 0)
  const failed = summaries
    .filter(({ server }) => server.startsWith('certctl'))
    .reduce<number | undefined>((sum, each) => (sum ?? 0) + each.failed, undefined)
  const roundTrips = (summary: CellSummary | undefined) => summary?.roundTrips ?? summary?.sqlStatements
  return [
    atLeast('issues at least as many a second as step-ca on badger', ratio(rate(ours), rate(at8('step-ca-badger'))), 1),
    atLeast(
      'issues at least 5 times as many as step-ca on Postgres',
      ratio(rate(ours), rate(at8('step-ca-postgres'))),
      5,
    ),
    atMost('no failures in any cell', failed, { limit: 0, unit: 'failures' }),
    atMost('server and Postgres use at most 5 ms of CPU per issuance', cpu, { limit: 5, unit: 'ms' }),
    atMost('at most 12 SQL round trips per http-01 issuance', roundTrips(ours), { limit: 12, unit: 'round trips' }),
    atMost('at most 7 SQL round trips in trust mode', roundTrips(at8('certctl-postgres', 'trust')), {
      limit: 7,
      unit: 'round trips',
    }),
    atMost('the postgres rate-limit backend costs less than 10 %', backends && backends.price * 100, {
      limit: 10,
      unit: '%',
    }),
  ]
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || !b ? undefined : a / b
}

function atLeast(sentence: string, value: number | undefined, limit: number): Target {
  if (value === undefined) return notMeasured(sentence)
  return { sentence, met: value >= limit, found: `${value.toFixed(2)} times` }
}

function atMost(sentence: string, value: number | undefined, bound: { limit: number; unit: string }): Target {
  if (value === undefined) return notMeasured(sentence)
  // Background statements (janitor, heartbeat) put a few hundredths on top of a whole number of round trips.
  return { sentence, met: value <= bound.limit + 0.05, found: `${Number(value.toFixed(2))} ${bound.unit}` }
}

function notMeasured(sentence: string): Target {
  return { sentence, met: undefined, found: 'not measured in this run' }
}
