import { z } from 'zod'

/** A rule that the API server checks in CEL and that standalone checks here: both must give the same verdict. */
export interface CelRule<T> {
  readonly rule: string
  /** What is wrong and what to write instead. */
  readonly message: string
  /** The member the message is about, where it is not the object itself. */
  readonly field?: string
  readonly holds: (value: T) => boolean
}

/** A rule that compares with the object's former state. Standalone checks it against what the database remembers. */
export interface TransitionRule {
  readonly rule: string
  readonly message: string
  readonly field?: string
}

/** Gives a schema its description and its rules, for CRDs and for standalone alike. */
export function withRules<S extends z.ZodType>(
  schema: S,
  description: string,
  rules: readonly CelRule<z.output<S>>[],
  transitions: readonly TransitionRule[] = [],
): S {
  let checked = schema
  for (const { holds, message, field } of rules) {
    checked = checked.refine((value) => holdsUnlessBroken(holds, value), {
      message,
      path: field === undefined ? [] : [field],
      // Also where other fields are wrong: one reading tells every mistake.
      ...(!(schema instanceof z.ZodString) && { when: () => true }),
    })
  }
  const validations = [...rules, ...transitions].map(({ rule, message, field }) => ({
    rule,
    message,
    ...(field !== undefined && { fieldPath: `.${field}` }),
  }))
  return checked.meta({ description, ...(validations.length > 0 && { 'x-kubernetes-validations': validations }) })
}

/** A rule that trips over a member of the wrong type says nothing: that member has its own mistake reported. */
function holdsUnlessBroken<T>(holds: (value: T) => boolean, value: T): boolean {
  try {
    return holds(value)
  } catch (error) {
    if (error instanceof TypeError) return true
    throw error
  }
}

/** The rule that a text matches a pattern, which must mean the same in JavaScript and in RE2 and hold no quote. */
export function matches(pattern: RegExp, message: string): CelRule<string> {
  return { rule: `self.matches(r'${pattern.source}')`, message, holds: (text) => pattern.test(text) }
}

/** The rule that a member, once the object is there, stays as it was, absent if it was absent. */
export function fixed(field: string, message: string): TransitionRule {
  const same = `self.${field} == oldSelf.${field}`
  const rule = `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || ${same})`
  return { rule, message, field }
}
