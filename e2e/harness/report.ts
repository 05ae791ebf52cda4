import { caseNames, type CaseName } from './cases.ts'

/** `skipped`: the client can't do it, or this server doesn't offer it. */
export type CaseOutcome = 'pass' | 'fail' | 'skipped'

export interface ClientRow {
  readonly client: string
  /** A client that isn't installed has no outcomes. */
  readonly outcomes: ReadonlyMap<CaseName, CaseOutcome> | 'missing'
}

/** Something that was looked at beside the clients, such as whether the server refused any nonce. */
export interface ServerCheck {
  readonly what: string
  readonly passed: boolean
  readonly detail?: string
}

export interface ModeReport {
  readonly title: string
  readonly rows: readonly ClientRow[]
  readonly checks: readonly ServerCheck[]
}

/** The tables as Markdown that also reads well in a terminal. */
export function renderReport(reports: readonly ModeReport[]): string {
  return reports.map(renderMode).join('\n')
}

/** Whether nothing failed; missing clients count as failures unless they are allowed. */
export function allPassed(reports: readonly ModeReport[], allowMissing: boolean): boolean {
  return reports.every(
    ({ rows, checks }) =>
      checks.every((check) => check.passed) &&
      rows.every(({ outcomes }) =>
        outcomes === 'missing' ? allowMissing : [...outcomes.values()].every((outcome) => outcome !== 'fail'),
      ),
  )
}

function renderMode(report: ModeReport): string {
  const head = ['client', ...caseNames]
  const lines = [head, ...report.rows.map(renderRow)]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const render = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  const [first = '', ...rest] = lines.map(render)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const checks = report.checks.map(
    ({ what, passed, detail }) => `- ${passed ? 'pass' : 'FAIL'}: ${what}${detail === undefined ? '' : ` (${detail})`}`,
  )
  return [`### ${report.title}`, '', first, rule, ...rest, '', ...checks, ''].join('\n')
}

function renderRow({ client, outcomes }: ClientRow): string[] {
  if (outcomes === 'missing') return [client, ...caseNames.map(() => 'missing')]
  const words = { pass: 'pass', fail: 'FAIL', skipped: '–' } as const satisfies Record<CaseOutcome, string>
  return [client, ...caseNames.map((name) => words[outcomes.get(name) ?? 'skipped'])]
}
