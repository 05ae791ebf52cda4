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
import type { ValidationCaps } from './validation-caps.ts'

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

/** Everything that a decision about a CertificateProfile rests on. */
export interface ObservedProfile {
  readonly namespace: string
  readonly spec: SpecOutcome<CertificateProfileSpec, 'InvalidSpec' | 'InvalidCIDR'>
  /** The Issuer of `spec.issuerRef`, where there is one. */
  readonly issuer?: ObservedIssuerRef
  /** Whether a revision is being served. */
  readonly served: boolean
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
  const { spec, issuer, defaults } = observed
  if (!spec.ok) return refused(spec.reason, errorsSentence(spec.errors))
  const policy = compilePolicy(spec.spec, defaults)
  const excess = findExcess(spec.spec, policy, observed)
  if (excess !== undefined) return excess
  const accepted = fulfilled('Accepted', 'the spec is valid')
  const resolved = resolveIssuer(spec.spec, observed)
  const conditions: Condition<ProfileReason>[] = [accepted, resolved, ...warnings(spec.spec)]
  const serve = issuer === undefined ? {} : serving(policy, issuer, observed.served)
  return { ...serve, conditions: withReady<ProfileReason>(conditions, readiness(spec.spec)) }
}

/** What is served stays as it was: the last word that was acceptable. */
function refused(reason: ProfileReason, message: string): ProfilePlan {
  const condition = failed('Accepted', reason, message)
  return { conditions: withReady<ProfileReason>([condition], condition) }
}

function findExcess(
  spec: CertificateProfileSpec,
  policy: IssuancePolicy,
  { namespace, issuer, caps }: ObservedProfile,
): ProfilePlan | undefined {
  const beyondCaps = capMistakes(spec, caps)
  if (beyondCaps.length > 0) return refused('ExceedsOperatorLimits', errorsSentence(beyondCaps))
  if (issuer?.ceilings === undefined || issuer.namespace === namespace) return undefined
  const beyondCeilings = ceilingsMistakes(policy, issuer.ceilings)
  return beyondCeilings.length === 0 ? undefined : refused('ExceedsIssuerLimits', beyondCeilings.join('; '))
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
function serving(compiled: IssuancePolicy, issuer: ObservedIssuerRef, served: boolean): Pick<ProfilePlan, 'serve'> {
  const { id: issuerId, handshake } = issuer
  const isForbidden = handshake.permitted === false
  if (issuerId === undefined || handshake.permitted === 'unknown' || (isForbidden && !served)) return {}
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
