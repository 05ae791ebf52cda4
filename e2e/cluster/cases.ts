import type { Cluster } from './cluster.ts'
import type { ClusterName, Stage } from './stage.ts'

/** What a case has at hand. */
export interface CaseContext {
  /** The cluster that the case wants. */
  readonly cluster: Cluster
  readonly stage: Stage
  /** A namespace of the case's own, which exists. */
  readonly namespace: string
  /** Aborted when the case's time is over. */
  readonly signal: AbortSignal
  /** Says something worth knowing, such as a measurement, in the line of the case. */
  readonly note: (text: string) => void
}

/** One thing that must be so. */
export interface ClusterCase {
  readonly name: string
  /** Where it runs; in the cluster `main` unless given. */
  readonly on?: ClusterName
  /** Nothing else runs meanwhile: it disturbs what others use, or measures. */
  readonly alone?: true
  /** How long it may take; 60 unless given. */
  readonly seconds?: number
  run(context: CaseContext): Promise<void>
}
