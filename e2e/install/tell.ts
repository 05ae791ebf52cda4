import type { LoadReport } from './load.ts'

/** How a load went, in a few words. */
export function noteLoad(note: (text: string) => void, report: LoadReport): void {
  const { issued, failed, disturbances, slowestSeconds, lookUps } = report
  note(
    `${issued} certificates, the slowest in ${slowestSeconds.toFixed(1)} s, and ${lookUps} look-ups; ` +
      `${failed.length} failed, ${disturbances.length} disturbed`,
  )
}
