import type { TbsCertificate } from '../certificate-reader.ts'
import { DerError } from '../der/reader.ts'
import { CaError } from '../errors.ts'

/** A rule that a certificate breaks. `rule` is stable, `detail` is for people. */
export interface LintFinding {
  readonly rule: string
  readonly detail: string
}

/** Says how a certificate breaks the rule, or undefined. May throw what a reader throws, which is then the finding. */
export type Rule<Expectation> = (tbs: TbsCertificate, expected: Expectation) => string | undefined

/** Applies every rule; the name of each is its key. */
export function applyRules<Expectation>(
  rules: Readonly<Record<string, Rule<Expectation>>>,
  tbs: TbsCertificate,
  expected: Expectation,
): LintFinding[] {
  const findings: LintFinding[] = []
  for (const rule in rules) {
    const detail = breach(() => rules[rule]?.(tbs, expected))
    if (detail !== undefined) findings.push({ rule, detail })
  }
  return findings
}

/** What `read` says, or the message of the refusal it throws. */
export function breach(read: () => string | undefined): string | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof DerError || error instanceof CaError) return error.message
    throw error
  }
}

/** Whether two lists hold the same strings in the same order. */
export function sameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index])
}
