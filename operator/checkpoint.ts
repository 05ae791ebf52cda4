import type { TestCheckpoint } from './setting-kinds.ts'

/** Called at each labelled step of finalize and of validation; does nothing outside crash tests. */
export type Checkpoint = (label: string) => void

/** A checkpoint that ends (or freezes) this process when `wanted` is first reached, the way a crash would. */
export function createCheckpoint(wanted: TestCheckpoint | undefined): Checkpoint {
  if (wanted === undefined) return () => {}
  let reached = false
  return (label) => {
    if (reached || label !== wanted.label) return
    reached = true
    process.kill(process.pid, wanted.signal)
  }
}
