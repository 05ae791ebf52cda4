import type { IssuancePolicy } from '../../../acme/policy.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, ProfileReason } from '../conditions.ts'
import { errorsSentence } from '../field-errors.ts'
import type { SpecOutcome } from '../field-errors.ts'
import { compilePolicy, policyHash } from './policy.ts'
import type { PolicyDefaults } from './policy.ts'

/** The Issuer that a profile names, as far as it matters to the profile. */
export interface ObservedIssuerRef {
  readonly namespace: string
  readonly name: string
  /** Its row; absent while it never had a CA. */
  readonly id?: string
  readonly ready: boolean
  /** Unknown while its manifest has mistakes. */
  readonly allowedFrom: 'Same' | 'All' | 'Unknown'
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
}

export interface ProfilePlan {
  /** What is to be served from now on; absent leaves what is served as it is. */
  readonly serve?: { readonly issuerId: string; readonly policy: IssuancePolicy; readonly policyHash: string }
  readonly conditions: readonly Condition<ProfileReason>[]
}

/** Decides what becomes of a CertificateProfile. Pure: the same observation always gives the same plan. */
export function planProfile(observed: ObservedProfile): ProfilePlan {
  const { spec, issuer } = observed
  if (!spec.ok) {
    const condition = failed('Accepted', spec.reason, errorsSentence(spec.errors))
    return { conditions: withReady<ProfileReason>([condition], condition) }
  }
  const accepted = fulfilled('Accepted', 'the spec is valid')
  const resolved = resolveIssuer(spec.spec, observed)
  const conditions: Condition<ProfileReason>[] = [accepted, resolved, ...warnings(spec.spec)]
  const serve = serving(spec.spec, observed, resolved.reason === 'NotPermitted')
  return { ...(issuer !== undefined && serve), conditions: withReady<ProfileReason>(conditions, readiness(spec.spec)) }
}

function resolveIssuer(spec: CertificateProfileSpec, { namespace, issuer }: ObservedProfile): Condition<ProfileReason> {
  const title = `Issuer ${spec.issuerRef.namespace ?? namespace}/${spec.issuerRef.name}`
  if (issuer === undefined) {
    return failed('ResolvedRefs', 'IssuerNotFound', `there is no ${title}; add it or correct spec.issuerRef`)
  }
  if (issuer.namespace !== namespace && issuer.allowedFrom === 'Same') {
    const message = `${title} allows only profiles of its own namespace; set its spec.allowedProfiles.namespaces.from to All`
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
  spec: CertificateProfileSpec,
  { namespace, issuer, served, defaults }: ObservedProfile,
  forbidden: boolean,
): Pick<ProfilePlan, 'serve'> {
  if (issuer?.id === undefined || (forbidden && !served)) return {}
  if (issuer.namespace !== namespace && issuer.allowedFrom === 'Unknown') return {}
  const compiled = compilePolicy(spec, defaults)
  const policy = forbidden ? { ...compiled, suspended: true } : compiled
  return { serve: { issuerId: issuer.id, policy, policyHash: policyHash(policy) } }
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
