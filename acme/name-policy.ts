import { baseName, isWildcard, quoted } from './dns-names.ts'
import { throwFaults, type Identifier } from './identifiers.ts'
import type { ChallengeType, DnsNameRules, IssuancePolicy } from './policy.ts'
import { problem, type Subproblem } from './problems.ts'

/** What of a profile decides about names. */
export type NamePolicy = Pick<IssuancePolicy, 'authMode' | 'challengeTypes' | 'identifiers'>

/** Would this name be issued, and which line of the profile says so. `detail` is a sentence for the client. */
export interface NameVerdict {
  readonly allowed: boolean
  readonly rule: string
  readonly detail: string
}

/** What a profile means that says nothing about DNS names. */
const silentRules: DnsNameRules = { allowed: [], denied: [], wildcards: false, max: 100 }

/**
 * Throws `rejectedIdentifier`, with a subproblem for each name and the rule that refuses it, unless the profile permits
 * them all; `malformed` where they are more than one order may have.
 */
export function judgeIdentifiers(identifiers: readonly Identifier[], policy: NamePolicy): void {
  const { max } = policy.identifiers.dns ?? silentRules
  if (identifiers.length > max) {
    throw problem.malformed(`The order has ${identifiers.length} identifiers; this profile allows ${max}. Split it.`)
  }
  throwFaults(identifiers.flatMap((identifier) => refusal(identifier, policy) ?? []))
}

/** Promises the verdict on one normalised name. */
export function judgeName(name: string, policy: NamePolicy): NameVerdict {
  const rules = policy.identifiers.dns ?? silentRules
  const denied = rules.denied.find((pattern) => touches(pattern, name))
  if (denied !== undefined) return refused(name, `identifiers.dns.denied ${quoted(denied)}`, 'is denied by')
  if (isWildcard(name)) {
    if (!rules.wildcards) return refused(name, 'identifiers.dns.wildcards: false', 'is a wildcard, which is refused by')
    if (challengeTypesFor(name, policy).length === 0 && policy.authMode === 'Challenge') {
      return refused(name, 'acme.challengeTypes', 'is a wildcard, which needs dns-01, and that is missing in')
    }
  }
  return judgeByAllowed(name, rules, policy)
}

/**
 * The challenge types to offer for a name, in the profile's order. Wildcards are proven by dns-01 alone: http-01 and
 * tls-alpn-01 show control of one host (RFC 8555 section 8.3, RFC 8737 section 3), not of all names below.
 */
export function challengeTypesFor(name: string, policy: Pick<NamePolicy, 'challengeTypes'>): ChallengeType[] {
  return policy.challengeTypes.filter((type) => !isWildcard(name) || type === 'dns-01')
}

function judgeByAllowed(name: string, { allowed }: DnsNameRules, { authMode }: NamePolicy): NameVerdict {
  // The client proves control of each name, so a profile need not list them.
  if (allowed.length === 0 && authMode === 'Challenge') return permitted(name, 'acme.authMode: Challenge')
  const pattern = allowed.find((each) => covers(each, name))
  if (pattern !== undefined) return permitted(name, `identifiers.dns.allowed ${quoted(pattern)}`)
  return refused(name, 'identifiers.dns.allowed', 'is not among the names of')
}

function permitted(name: string, rule: string): NameVerdict {
  return { allowed: true, rule, detail: `${quoted(name)} is permitted by this profile's ${rule}.` }
}

function refused(name: string, rule: string, reason: string): NameVerdict {
  return { allowed: false, rule, detail: `${quoted(name)} ${reason} this profile's ${rule}.` }
}

function refusal(identifier: Identifier, policy: NamePolicy): Subproblem | undefined {
  const { allowed, detail } = judgeName(identifier.value, policy)
  return allowed ? undefined : { type: 'rejectedIdentifier', detail, identifier }
}

/** Whether every name that the narrow pattern has is one that the wide pattern has. */
export function coversPattern(wide: string, narrow: string): boolean {
  if (!narrow.startsWith('**.')) return covers(wide, narrow)
  return wide.startsWith('**.') && covers(wide, narrow.slice('*'.length))
}

/** Whether the pattern has the name, or every name that the wildcard stands for. */
export function covers(pattern: string, name: string): boolean {
  if (pattern.startsWith('**.')) {
    const top = pattern.slice('**.'.length)
    return name.endsWith(`.${top}`) && name.length > top.length + 1
  }
  if (pattern.startsWith('*.')) return parentOf(name) === pattern.slice('*.'.length)
  return name === pattern
}

/** Whether the pattern has the name, or any name that the wildcard stands for. */
function touches(pattern: string, name: string): boolean {
  return covers(pattern, name) || (isWildcard(name) && parentOf(pattern) === baseName(name))
}

function parentOf(name: string): string | undefined {
  const dot = name.indexOf('.')
  return dot < 0 ? undefined : name.slice(dot + 1)
}
