import type { Ground } from './ground.ts'
import type { Release } from './release.ts'

/** What a case has at hand. */
export interface CaseContext {
  readonly ground: Ground
  /** The release that most cases are about: two replicas and a database of its own, in the namespace `certctl`. Installed and settled. */
  readonly release: () => Promise<Release>
  /** Starts cert-manager where it doesn't run yet. */
  readonly certManager: () => Promise<void>
  /** Says something worth knowing, such as a measurement, in the line of the case. */
  readonly note: (text: string) => void
}

/** One thing that must be so. Each leaves the release as it found it, or better. */
export interface InstallCase {
  readonly name: string
  /** How long it may take. */
  readonly seconds: number
  /** Where this fails, nothing else is tried. */
  readonly isEssential?: true
  run(context: CaseContext): Promise<void>
}
