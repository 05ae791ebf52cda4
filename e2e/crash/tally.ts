/** The row of what no certctl process is to blame for. */
export const databaseFate = 'Postgres'

/** What happened at one place: a label, a moment, the database. */
interface Row {
  kills: number
  pauses: number
  takeovers: number
  readonly recoverySeconds: number[]
}

/** Counts for the table at the end. */
export class Tally {
  readonly #rows = new Map<string, Row>()

  kill(fate: string): void {
    this.#row(fate).kills += 1
  }

  pause(fate: string): void {
    this.#row(fate).pauses += 1
  }

  /** Work of a process that ended or was paused there was finished by another. */
  takeover(fate: string): void {
    this.#row(fate).takeovers += 1
  }

  /** An order that met trouble there was valid so much later. */
  recovery(fate: string, seconds: number): void {
    this.#row(fate).recoverySeconds.push(seconds)
  }

  /** Of certctl; what the database suffered is in its own row. */
  get kills(): number {
    const rows = [...this.#rows].filter(([fate]) => fate !== databaseFate)
    return rows.reduce((sum, [, { kills }]) => sum + kills, 0)
  }

  /** As Markdown that also reads well in a terminal. */
  table(): string {
    const head = ['where', 'kills', 'pauses', 'takeovers', 'orders hit', 'p50 s', 'max s']
    const body = [...this.#rows].toSorted(([one], [other]) => one.localeCompare(other)).map(cells)
    const lines = [head, ...body]
    const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
    const rule = widths.map((width) => '-'.repeat(width))
    return [head, rule, ...body].map((line) => render(line, widths)).join('\n')
  }

  #row(fate: string): Row {
    const known = this.#rows.get(fate)
    if (known) return known
    const row = { kills: 0, pauses: 0, takeovers: 0, recoverySeconds: [] }
    this.#rows.set(fate, row)
    return row
  }
}

function cells([fate, { kills, pauses, takeovers, recoverySeconds }]: [string, Row]): string[] {
  const sorted = recoverySeconds.toSorted((one, other) => one - other)
  const median = sorted[Math.floor(sorted.length / 2)]
  const counts = [kills, pauses, takeovers, sorted.length].map((count) => (count === 0 ? '' : String(count)))
  return [fate, ...counts, median?.toFixed(2) ?? '', sorted.at(-1)?.toFixed(2) ?? '']
}

function render(line: readonly string[], widths: readonly number[]): string {
  const padded = widths.map((width, column) => {
    const cell = line[column] ?? ''
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  })
  return `| ${padded.join(' | ')} |`
}
