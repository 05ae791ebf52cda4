import { CaError } from '../../../ca/index.ts'
import { failed, withReady } from '../conditions.ts'
import type { Condition, IssuerReason } from '../conditions.ts'

/** What the author of a spec is told when no such CA can be made. Throws the error where it says something else. */
export function impossibleCa(error: unknown): Condition<IssuerReason> {
  if (!(error instanceof CaError)) throw error
  const reason = error.code === 'invalid-name-constraints' ? 'InvalidNameConstraints' : 'InvalidSpec'
  return failed('Accepted', reason, `no such CA can be made: ${error.message}`)
}

/** The planned conditions with the one that carrying them out failed at in its place, and Ready saying the same. */
export function withFailure(
  conditions: readonly Condition<IssuerReason>[],
  failure: Condition<IssuerReason>,
): readonly Condition<IssuerReason>[] {
  const others = conditions.filter(({ type }) => type !== 'Ready' && type !== failure.type)
  return withReady([...others, failure], failure)
}
