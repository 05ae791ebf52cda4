import { ceilingsMistakes } from '../../../acme/ceilings.ts'
import type { IssuancePolicy, IssuerCeilings } from '../../../acme/policy.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, ProfileReason } from '../conditions.ts'
import { errorsSentence } from '../field-errors.ts'
import type { SpecOutcome } from '../field-errors.ts'
import type { Handshake } from './handshake.ts'
import { compilePolicy, policyHash } from './policy.ts'
import type { PolicyDefaults } from './policy.ts'
import { capMistakes } from './validation-caps.ts'
import type { ValidationCaps } from '../../../acme/validation/caps.ts'

/** The Issuer that a profile names, as far as it matters to the profile. */
export interface ObservedIssuerRef {
  readonly namespace: string
  readonly name: string
  /** Its row; absent while it never had a CA. */
  readonly id?: string
  readonly ready: boolean
  readonly handshake: Handshake
  /** What a profile of another namespace can't exceed. */
  readonly ceilings?: IssuerCeilings
}

/** What is being served at the moment, perhaps by an earlier word of its author. */
export interface ServedNow {
  readonly issuerId: string
  readonly policy: IssuancePolicy
  /** Whether the Issuer that signs for it still lets the profile's namespace in. */
  readonly handshake: Handshake
}

/** Everything that a decision about a CertificateProfile rests on. */
export interface ObservedProfile {
  readonly namespace: string
  readonly spec: SpecOutcome<CertificateProfileSpec, 'InvalidSpec' | 'InvalidCIDR'>
  /** The Issuer of `spec.issuerRef`, where there is one. */
  readonly issuer?: ObservedIssuerRef
  readonly served?: ServedNow
  readonly defaults: PolicyDefaults
  readonly caps: ValidationCaps
}

export interface ProfilePlan {
  /** What is to be served from now on; absent leaves what is served as it is. */
  readonly serve?: { readonly issuerId: string; readonly policy: IssuancePolicy; readonly policyHash: string }
  readonly conditions: readonly Condition<ProfileReason>[]
}

/** Decides what becomes of a CertificateProfile. Pure: the same observation always gives the same plan. */
export function planProfile(observed: ObservedProfile): ProfilePlan {
  const { spec, issuer, defaults, served } = observed
  if (!spec.ok) return refused(spec.reason, errorsSentence(spec.errors), served)
  const policy = compilePolicy(spec.spec, defaults)
  const excess = findExcess(spec.spec, policy, observed)
  if (excess !== undefined) return excess
  const accepted = fulfilled('Accepted', 'the spec is valid')
  const resolved = resolveIssuer(spec.spec, observed)
  const conditions: Condition<ProfileReason>[] = [accepted, resolved, ...warnings(spec.spec)]
  const serve = issuer === undefined ? undefined : serving(policy, issuer, served !== undefined)
  return { ...(serve ?? shutOut(served)), conditions: withReady<ProfileReason>(conditions, readiness(spec.spec)) }
}

/** What is served stays as it was, the last word that was acceptable, as long as its Issuer allows it. */
export function refused(reason: ProfileReason, message: string, served: ServedNow | undefined): ProfilePlan {
  const condition = failed('Accepted', reason, message)
  return { ...shutOut(served), conditions: withReady<ProfileReason>([condition], condition) }
}

/** An Issuer that lets a namespace in no more has the last word, whatever the profile says meanwhile. */
function shutOut(served: ServedNow | undefined): Pick<ProfilePlan, 'serve'> {
  if (served === undefined || served.handshake.permitted !== false) return {}
  const policy = { ...served.policy, suspended: true }
  return { serve: { issuerId: served.issuerId, policy, policyHash: policyHash(policy) } }
}

function findExcess(
  spec: CertificateProfileSpec,
  policy: IssuancePolicy,
  { namespace, issuer, caps, served }: ObservedProfile,
): ProfilePlan | undefined {
  const beyondCaps = capMistakes(spec, caps)
  if (beyondCaps.length > 0) return refused('ExceedsOperatorLimits', errorsSentence(beyondCaps), served)
  if (issuer?.ceilings === undefined || issuer.namespace === namespace) return undefined
  const beyondCeilings = ceilingsMistakes(policy, issuer.ceilings)
  return beyondCeilings.length === 0 ? undefined : refused('ExceedsIssuerLimits', beyondCeilings.join('; '), served)
}

function resolveIssuer(spec: CertificateProfileSpec, { namespace, issuer }: ObservedProfile): Condition<ProfileReason> {
  const title = `Issuer ${spec.issuerRef.namespace ?? namespace}/${spec.issuerRef.name}`
  if (issuer === undefined) {
    return failed('ResolvedRefs', 'IssuerNotFound', `there is no ${title}; add it or correct spec.issuerRef`)
  }
  if (issuer.handshake.permitted === false) {
    const message = `${title} does not allow profiles of namespace ${namespace}; ${issuer.handshake.remedy}`
    return failed('ResolvedRefs', 'NotPermitted', message)
  }
  return issuer.ready
    ? fulfilled('ResolvedRefs', `${title} is ready`)
    : failed('ResolvedRefs', 'IssuerNotReady', `${title} is not ready; see its conditions`)
}

/**
 * A profile whose Issuer is not ready is served all the same: its directory answers and issuing waits (503). One whose
 * Issuer doesn't permit it is never begun, and stops issuing where it was: that is a decision, not an accident.
 */
function serving(
  compiled: IssuancePolicy,
  issuer: ObservedIssuerRef,
  served: boolean,
): Pick<ProfilePlan, 'serve'> | undefined {
  const { id: issuerId, handshake } = issuer
  const isForbidden = handshake.permitted === false
  if (issuerId === undefined || handshake.permitted === 'unknown' || (isForbidden && !served)) return undefined
  const policy = isForbidden ? { ...compiled, suspended: true } : compiled
  return { serve: { issuerId, policy, policyHash: policyHash(policy) } }
}

function warnings(spec: CertificateProfileSpec): Condition<ProfileReason>[] {
  if (spec.acme.authMode !== 'TrustAuthenticated' || spec.acme.registration !== 'Open') return []
  const message =
    'whoever reaches this directory gets every name that spec.identifiers permits; clientNetworks narrows it'
  return [{ type: 'Warning', status: 'True', reason: 'OpenRegistration', message }]
}

function readiness(spec: CertificateProfileSpec): Condition<ProfileReason> {
  return spec.suspend
    ? failed('Ready', 'Suspended', 'spec.suspend is true: nothing is issued')
    : fulfilled('Ready', 'the directory is served')
}
