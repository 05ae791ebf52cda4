import type { Replica } from './replica.ts'

/** Something that must never happen has happened: the rows that show it, and whose log may say why. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rows: readonly unknown[]
  readonly replicas: readonly Replica[]

  constructor(
    what: string,
    evidence: { rows?: readonly unknown[]; replicas?: readonly Replica[]; cause?: unknown } = {},
  ) {
    super(what, { cause: evidence.cause })
    this.rows = evidence.rows ?? []
    this.replicas = evidence.replicas ?? []
  }
}
