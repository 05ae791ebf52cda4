import type { Log } from '../../acme/ports.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  /** Those of the line and of the child that wrote it. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** A log that keeps its lines, its children's as well, for a test to read. */
export function recordingLog(): Log & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = []
  const at =
    (level: LogLine['level'], bound: object) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields: { ...bound, ...fields } })
  const bind = (bound: object): Log => ({
    info: at('info', bound),
    warn: at('warn', bound),
    error: at('error', bound),
    child: (fields) => bind({ ...bound, ...fields }),
  })
  return { ...bind({}), lines }
}
