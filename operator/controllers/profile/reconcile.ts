import type { IssuancePolicy } from '../../../acme/policy.ts'
import type { Db } from '../../../store/database.ts'
import { listServedProfiles, upsertProfile } from '../../../store/profiles.ts'
import type { ServedProfile } from '../../../store/profiles.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import type { Clock } from '../../clock.ts'
import { publicId } from '../../issuer-registry.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, ProfileReason } from '../conditions.ts'
import type { SpecOutcome } from '../field-errors.ts'
import { controllerActor, nextGeneration } from '../writing.ts'
import type { Handshake } from './handshake.ts'
import { planProfile } from './plan.ts'
import type { ObservedIssuerRef, ProfilePlan } from './plan.ts'
import { policyHash } from './policy.ts'
import type { PolicyDefaults } from './policy.ts'
import type { ValidationCaps } from '../../../acme/validation/caps.ts'

export interface ProfileDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ownNamespace: string
  readonly defaults: PolicyDefaults
  readonly caps: ValidationCaps
}

/** A CertificateProfile as it is declared, with the Issuer it refers to. */
export interface DeclaredProfile {
  readonly namespace: string
  readonly name: string
  readonly spec: SpecOutcome<CertificateProfileSpec, 'InvalidSpec' | 'InvalidCIDR'>
  readonly issuer?: ObservedIssuerRef
  /** Whether the Issuer of that id lets the profile's namespace in. */
  readonly handshakeWith: (issuerId: string) => Handshake
}

export interface ProfileOutcome {
  readonly conditions: readonly Condition<ProfileReason>[]
  readonly profileId: string
}

/** Brings one CertificateProfile from what is declared into the database. May be repeated at any time. */
export async function reconcileProfile(deps: ProfileDeps, declared: DeclaredProfile): Promise<ProfileOutcome> {
  const profileId = publicId(deps.ownNamespace, declared)
  const served = (await listServedProfiles<IssuancePolicy>(deps.db)).find(({ id }) => id === profileId)
  const { namespace, spec, issuer, handshakeWith } = declared
  const plan = planProfile({
    namespace,
    spec,
    ...(issuer && { issuer }),
    ...(served && { served: { ...served, handshake: handshakeWith(served.issuerId) } }),
    defaults: deps.defaults,
    caps: deps.caps,
  })
  const written = isAsPlanned(plan, served) || (await write(deps, declared, plan, served))
  if (written) return { conditions: [...plan.conditions, synced], profileId }
  const others = plan.conditions.filter(({ type }) => type !== 'Ready')
  return { conditions: withReady<ProfileReason>([...others, stale], stale), profileId }
}

const synced = fulfilled('Synced', 'the database says what the manifest says')
const stale = failed(
  'Synced',
  'StaleGeneration',
  'another process has written a newer state; check that its clock is right',
)

function isAsPlanned({ serve }: ProfilePlan, served: ServedProfile<IssuancePolicy> | undefined): boolean {
  if (serve === undefined) return true
  return served !== undefined && served.issuerId === serve.issuerId && policyHash(served.policy) === serve.policyHash
}

async function write(
  deps: ProfileDeps,
  { namespace, name }: DeclaredProfile,
  { serve }: ProfilePlan,
  served: ServedProfile<IssuancePolicy> | undefined,
): Promise<boolean> {
  if (serve === undefined) return true
  const stored = await deps.db.transaction().execute((trx) =>
    upsertProfile(trx, {
      ...serve,
      profileId: publicId(deps.ownNamespace, { namespace, name }),
      namespace,
      name,
      // A profile that comes back is the same directory, with the accounts it had.
      uid: `manifest:${namespace}/${name}`,
      generation: nextGeneration(served?.generation, deps.clock.now()),
      actor: controllerActor,
    }),
  )
  return stored !== undefined
}
