import { cpus, release, totalmem } from 'node:os'

import { median } from '../load/statistics.ts'
import type { Cell } from './driver.ts'
import type { BenchOptions } from './options.ts'
import type { StatementCost } from './postgres.ts'
import type { Findings } from './session.ts'
import { summarize, type CellSummary } from './summary.ts'
import { judgeTargets, type Target } from './targets.ts'

export interface BackendComparison {
  memory: { issuedPerSecond: number; cpuMs: number }
  postgres: { issuedPerSecond: number; cpuMs: number }
  /** Share of the issuances a second that the postgres backend costs, by the ratio of the medians. */
  price: number
  /** The same for CPU of server and Postgres. */
  cpuPrice: number
}

export interface Report {
  summaries: CellSummary[]
  backends: BackendComparison | undefined
  targets: Target[]
}

export function makeReport(findings: Findings): Report {
  const summaries = summarize(findings.measurements)
  const backends = compare(findings)
  return { summaries, backends, targets: judgeTargets(summaries, backends) }
}

function compare({ backends }: Findings): BackendComparison | undefined {
  if (backends.memory.length === 0 || backends.memory.length !== backends.postgres.length) return undefined
  const [memory, postgres] = [backends.memory, backends.postgres].map((runs) => ({
    issuedPerSecond: median(runs.map(({ load }) => load.issuedPerSecond)) ?? 0,
    cpuMs: median(runs.map(({ cost }) => cost.serverCpuMs + (cost.postgresCpuMs ?? 0))) ?? 0,
  }))
  if (!memory || !postgres) return undefined
  return {
    memory,
    postgres,
    price: 1 - postgres.issuedPerSecond / memory.issuedPerSecond,
    cpuPrice: postgres.cpuMs / memory.cpuMs - 1,
  }
}

/** The whole report as Markdown; aligned, so that a terminal can show it too. */
export function renderReport(findings: Findings, report: Report, options: BenchOptions): string {
  return [
    '# Benchmark',
    machineParagraph(findings, options),
    ...section('Issuances', table(issuanceColumns, report.summaries)),
    ...section('Cost per issuance', table(costColumns, report.summaries)),
    ...section('Memory of the server process', memoryTable(findings)),
    ...backendSection(report.backends, options),
    ...section(
      'Targets',
      report.targets.some(({ met }) => met !== undefined) ? table(targetColumns, report.targets) : '',
    ),
    ...section('Failures', bullets(failureLines(report.summaries))),
    ...section('Set-up', bullets(namedLines(findings.setUps))),
    ...section('Left out', bullets([...namedLines(findings.skipped), ...namedLines(findings.broken)])),
    ...(options.statements ? statementSections(findings) : []),
    '',
  ].join('\n\n')
}

function machineParagraph({ cores, postgresVersion, measurements }: Findings, options: BenchOptions): string {
  const strangers = Math.max(0, ...measurements.map(({ strangersCpuShare }) => strangersCpuShare))
  const placement = cores
    ? `The server has core ${cores.server}, the load generator and the name server have core ${cores.driver}; Postgres shares core ${cores.postgres}.`
    : 'Nothing is pinned to a core.'
  return [
    `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}, Node ${process.versions.node}`,
    postgresVersion ? `, Postgres ${postgresVersion}. ` : '. ',
    placement,
    ` Medians of ${options.repetitions} fresh starts in rotated order; ${options.issuances} issuances in each cell after ${options.warmup} of warm-up (${options.firstWarmup} before the first),`,
    ` ${options.namesPerOrder} name(s) each, client polls every ${options.pollMs} ms.`,
    ` Other processes took up to ${percent(strangers)} of a core meanwhile${strangers > 0.1 ? ': distrust the rates and latencies, trust the CPU figures' : ''}.`,
  ].join('')
}

type Column<Row> = [heading: string, cell: (row: Row) => string]

const identityColumns: Column<CellSummary>[] = [
  ['server', ({ server }) => server],
  ['mode', ({ cell }) => cell.mode],
  ['c', ({ cell }) => String(cell.concurrency)],
  ['accounts', ({ cell }) => String(cell.accounts)],
]

const issuanceColumns: Column<CellSummary>[] = [
  ...identityColumns,
  ['issued/s', ({ issuedPerSecond }) => issuedPerSecond.median.toFixed(1)],
  ['least-most', ({ issuedPerSecond: { least, most } }) => `${least.toFixed(0)}-${most.toFixed(0)}`],
  ['p50 ms', ({ p50 }) => fixed(p50, 0)],
  ['p95 ms', ({ p95 }) => fixed(p95, 0)],
  ['p99 ms', ({ p99 }) => fixed(p99, 0)],
  ['failed', ({ failed, attempted }) => (failed === 0 ? '0' : `${failed} (${percent(failed / attempted)})`)],
  ['polls', ({ polls }) => polls.toFixed(2)],
  ['client busy', ({ clientBusy }) => percent(clientBusy)],
]

const costColumns: Column<CellSummary>[] = [
  ...identityColumns,
  ['server CPU ms', ({ serverCpuMs }) => serverCpuMs.toFixed(2)],
  ['Postgres CPU ms', ({ postgresCpuMs }) => fixed(postgresCpuMs, 2)],
  ['client CPU ms', ({ clientCpuMs }) => clientCpuMs.toFixed(2)],
  ['round trips', ({ roundTrips }) => fixed(roundTrips, 2)],
  ['SQL statements', ({ sqlStatements }) => fixed(sqlStatements, 2)],
  ['WAL KiB', ({ walBytes }) => kibibytes(walBytes)],
  ['stored KiB', ({ storedBytes }) => kibibytes(storedBytes)],
  ['others', ({ strangersCpuShare }) => percent(strangersCpuShare)],
]

const targetColumns: Column<Target>[] = [
  ['target', ({ sentence }) => sentence],
  ['', ({ met }) => (met === undefined ? '?' : met ? 'met' : 'MISSED')],
  ['found', ({ found }) => found],
]

function memoryTable({ starts }: Findings): string {
  const rows = [...Map.groupBy(starts, ({ server }) => server)].map(([server, group]) => ({
    server,
    idle: median(group.map(({ idleBytes }) => idleBytes)),
    end: median(group.map(({ endBytes }) => endBytes)),
  }))
  return table(
    [
      ['server', ({ server }) => server],
      ['idle MiB', ({ idle }) => mebibytes(idle)],
      ['after all cells MiB', ({ end }) => mebibytes(end)],
    ],
    rows,
  )
}

function backendSection(backends: BackendComparison | undefined, options: BenchOptions): string[] {
  if (!backends) return []
  const rows = (['memory', 'postgres'] as const).map((name) => ({ name, ...backends[name] }))
  const figures = table<(typeof rows)[number]>(
    [
      ['backend', ({ name }) => name],
      ['issued/s', ({ issuedPerSecond }) => issuedPerSecond.toFixed(1)],
      ['server + Postgres CPU ms', ({ cpuMs }) => cpuMs.toFixed(2)],
    ],
    rows,
  )
  const verdict = `Loaded in turns, ${options.pairs} rounds: the postgres backend costs ${percent(backends.price)} of the rate and changes CPU per issuance by ${percent(backends.cpuPrice)}.`
  return [...section('Rate-limit backends', figures), verdict]
}

function statementSections({ measurements }: Findings): string[] {
  const last = Map.groupBy(measurements, (run) => `${run.server}, ${cellWords(run.cell)}`)
  return [...last].flatMap(([name, runs]) => {
    const { statements, load } = runs.at(-1)!
    const rows = table<StatementCost>(
      [
        ['calls/issuance', ({ calls }) => (calls / load.issued).toFixed(2)],
        ['us/call', ({ calls, totalMs }) => ((totalMs * 1000) / calls).toFixed(0)],
        ['us/issuance', ({ totalMs }) => ((totalMs * 1000) / load.issued).toFixed(0)],
        ['statement', ({ query }) => query.slice(0, 140).replaceAll('|', '\\|')],
      ],
      statements,
    )
    return section(`SQL of ${name}`, rows)
  })
}

function failureLines(summaries: readonly CellSummary[]): string[] {
  return summaries.flatMap(({ server, cell, failures }) =>
    Object.entries(failures).map(([key, count]) => `${server}, ${cellWords(cell)}: ${count} x ${key}`),
  )
}

function cellWords({ mode, concurrency, accounts }: Cell): string {
  return `${mode} c=${concurrency} accounts=${accounts}`
}

function namedLines(record: Record<string, string>): string[] {
  return Object.entries(record).map(([name, text]) => `${name}: ${text.split('\n', 1)[0]}`)
}

function section(title: string, body: string): string[] {
  return body ? [`## ${title}`, body] : []
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n')
}

function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const cells = [columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, cell]) => cell(row)))]
  const widths = columns.map((_column, i) => Math.max(3, ...cells.map((line) => line[i]!.length)))
  const lines = cells.map((line) => `| ${line.map((text, i) => pad(text, widths[i]!)).join(' | ')} |`)
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  return lines.join('\n')
}

function pad(text: string, width: number): string {
  return /^[\d.-]/.test(text) ? text.padStart(width) : text.padEnd(width)
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? '-' : value.toFixed(digits)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function kibibytes(bytes: number | undefined): string {
  return bytes === undefined ? '-' : (bytes / 1024).toFixed(1)
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '-' : (bytes / 2 ** 20).toFixed(0)
}
