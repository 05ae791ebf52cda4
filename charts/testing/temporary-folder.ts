import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of this process alone, which goes with it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'certctl-chart-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
