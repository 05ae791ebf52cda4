import { quoted } from './dns-names.ts'
import { throwFaults } from './identifiers.ts'
import { covers, coversPattern } from './name-policy.ts'
import type { IssuancePolicy, IssuerCeilings } from './policy.ts'
import type { SigningIssuer } from './ports.ts'
import { problem } from './problems.ts'

/** The ceilings that a profile is held to: the Issuer's, where the profile is in another namespace. */
export function ceilingsOver(
  profile: { readonly namespace: string },
  issuer: Pick<SigningIssuer, 'namespace' | 'ceilings'>,
): IssuerCeilings | undefined {
  return profile.namespace === issuer.namespace ? undefined : issuer.ceilings
}

/**
 * Throws `unauthorized` where the Issuer does not permit the profile's way of authorizing, and `rejectedIdentifier`
 * with a subproblem for each name that it does not permit.
 */
export function assertWithinCeilings(
  ceilings: IssuerCeilings | undefined,
  identifiers: readonly { readonly type: string; readonly value: string }[],
  policy: Pick<IssuancePolicy, 'authMode'>,
): void {
  const mistake = authModeMistake(policy, ceilings?.authModes)
  if (mistake !== undefined) throw problem.unauthorized(`This profile's ${mistake}.`)
  const permitted = ceilings?.dns
  if (permitted === undefined) return
  throwFaults(
    identifiers
      .filter(({ value }) => !permitted.some((pattern) => covers(pattern, value)))
      .map((identifier) => ({
        type: 'rejectedIdentifier',
        detail: `${quoted(identifier.value)} is not among the names that the Issuer's ${ceilingAt('identifiers.dns.allowed')} permits.`,
        identifier,
      })),
  )
}

/** The policy with no longer a validity than the Issuer permits. */
export function withinCeilings(ceilings: IssuerCeilings | undefined, policy: IssuancePolicy): IssuancePolicy {
  const longest = ceilings?.maxValiditySeconds
  if (longest === undefined || policy.validity.maxSeconds <= longest) return policy
  const defaultSeconds = Math.min(policy.validity.defaultSeconds, longest)
  return { ...policy, validity: { ...policy.validity, defaultSeconds, maxSeconds: longest } }
}

/**
 * Where a policy goes beyond the ceilings, as sentences without an end that name the field of the profile: what is
 * wrong, what the Issuer permits. Pure. No name can be issued under a policy without mistakes that the ceilings forbid.
 */
export function ceilingsMistakes(policy: IssuancePolicy, ceilings: IssuerCeilings): string[] {
  return [
    authModeMistake(policy, ceilings.authModes),
    ...(ceilings.dns === undefined ? [] : nameMistakes(policy, ceilings.dns)),
    validityMistake(policy, ceilings.maxValiditySeconds),
  ].filter((mistake) => mistake !== undefined)
}

function authModeMistake(
  { authMode }: Pick<IssuancePolicy, 'authMode'>,
  permitted: IssuerCeilings['authModes'],
): string | undefined {
  if (permitted === undefined || permitted.includes(authMode)) return undefined
  return `acme.authMode ${authMode} is not permitted by the Issuer's ${ceilingAt('authModes')}: ${listed(permitted)}`
}

function nameMistakes({ authMode, identifiers }: IssuancePolicy, permitted: readonly string[]): string[] {
  const ceiling = `the Issuer's ${ceilingAt('identifiers.dns.allowed')}: ${listed(permitted)}`
  const allowed = identifiers.dns?.allowed ?? []
  if (allowed.length === 0 && authMode === 'Challenge') {
    return [`identifiers.dns.allowed is empty, which means every name that is proven; list names within ${ceiling}`]
  }
  return allowed
    .filter((pattern) => !permitted.some((each) => coversPattern(each, pattern)))
    .map((pattern) => `identifiers.dns.allowed ${quoted(pattern)} is not within ${ceiling}`)
}

function validityMistake(
  { validity }: IssuancePolicy,
  longest: IssuerCeilings['maxValiditySeconds'],
): string | undefined {
  if (longest === undefined || validity.maxSeconds <= longest) return undefined
  return `validity.max is ${validity.maxSeconds} seconds, longer than the ${longest} seconds of the Issuer's ${ceilingAt('validity.max')}`
}

/** Everything that is said of a ceiling says whom it is for: its Issuer's own namespace is not bound by it. */
function ceilingAt(field: string): string {
  return `allowedProfiles.ceilings.${field} for profiles of other namespaces`
}

function listed(permitted: readonly string[]): string {
  return permitted.length === 0 ? 'none' : permitted.join(', ')
}
