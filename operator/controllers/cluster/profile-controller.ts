import type { IssuancePolicy, IssuerCeilings } from '../../../acme/policy.ts'
import { findIssuerByUid } from '../../../store/issuers.ts'
import { findProfile, retireProfile, upsertProfile } from '../../../store/profiles.ts'
import type { ServedProfile } from '../../../store/profiles.ts'
import { listLiveReplicas } from '../../../store/replicas.ts'
import type { LiveReplica } from '../../../store/replicas.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import { publicId } from '../../issuer-registry.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import { certificateProfiles } from '../../kubernetes/resources.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, ProfileReason } from '../conditions.ts'
import { readIssuerSpec, ceilingsOf } from '../issuer/spec.ts'
import { shakeHands } from '../profile/handshake.ts'
import { planProfile } from '../profile/plan.ts'
import type { ObservedIssuerRef, ProfilePlan } from '../profile/plan.ts'
import { policyHash } from '../profile/policy.ts'
import type { PolicyDefaults } from '../profile/policy.ts'
import { readProfileSpec } from '../profile/spec.ts'
import type { ValidationCaps } from '../profile/validation-caps.ts'
import { controllerActor } from '../writing.ts'
import type { ClusterIssuers } from './cluster-issuer.ts'
import { inEpoch, title } from './controller.ts'
import type { Controller, ControllerDeps } from './controller.ts'
import { declaredPart, parseKey } from './custom-object.ts'
import { whileAway } from './database-away.ts'
import { isReady } from './object-status.ts'

type Labels = Readonly<Record<string, string>>

export interface ProfileControllerDeps extends ControllerDeps {
  readonly defaults: PolicyDefaults
  readonly caps: ValidationCaps
  /** Undefined where the operator may not know. */
  readonly namespaceLabels: (namespace: string) => Labels | undefined
  /** Where clients find the directory of a profile. */
  readonly directoryUrl: (profileId: string) => string
  readonly clusterIssuers: ClusterIssuers
}

/** A replica whose last beat is older doesn't serve, so nobody waits for it. */
export const liveSeconds = 10

const wellSeconds = 300
/** A replica is told of a change at once; one that takes longer is asked for less and less often. */
const waitingSeconds = { first: 0.25, longest: 10 }

interface Seen {
  readonly object: Stored<CustomResource>
  readonly spec: ReturnType<typeof readProfileSpec>
  readonly issuer?: ObservedIssuerRef
  readonly issuerObject?: Stored<CustomResource>
  readonly served?: ServedProfile<IssuancePolicy>
}

/** Reconciles CertificateProfiles: rows and revisions in the database, and Ready once every live replica serves them. */
export function createProfileController(deps: ProfileControllerDeps): Controller {
  const waits = new Map<string, number>()

  /** How long to wait for the replicas this time; forgotten as soon as there is nobody to wait for. */
  function nextWait(key: string, isWaiting: boolean): number | undefined {
    const seconds = Math.min((waits.get(key) ?? waitingSeconds.first / 2) * 2, waitingSeconds.longest)
    if (isWaiting) waits.set(key, seconds)
    else waits.delete(key)
    return isWaiting ? seconds : undefined
  }

  return {
    async reconcile(key) {
      const ref = parseKey(key)
      const object = deps.profiles.get(ref.namespace, ref.name)
      if (object === undefined) {
        waits.delete(key)
        await retireGone(deps, ref, undefined)
        await deps.clusterIssuers.release(ref)
        return {}
      }
      return whileAway(deps, certificateProfiles, object, async () => {
        await retireGone(deps, ref, object.metadata.uid)
        const { isWaiting, lookAgainSeconds = wellSeconds } = await reconcileProfile(deps, object)
        return { requeueAfterSeconds: nextWait(key, isWaiting) ?? lookAgainSeconds }
      })
    },
  }
}

/** What had this name and is not this object any more is served no more; its certificates and its audit stay. */
async function retireGone(
  deps: ProfileControllerDeps,
  ref: { namespace: string; name: string },
  uid: string | undefined,
): Promise<void> {
  const served = await findProfile<IssuancePolicy>(deps.db, ref)
  if (served === undefined || served.uid === uid) return
  await inEpoch(deps, (trx) => retireProfile(trx, { uid: served.uid, actor: controllerActor }))
  deps.log.warn({ object: title('CertificateProfile', ref) }, 'is gone: its directory is not served any more')
}

interface Outcome {
  /** For a replica to serve what is written. */
  readonly isWaiting: boolean
  readonly lookAgainSeconds?: number | undefined
}

async function reconcileProfile(deps: ProfileControllerDeps, object: Stored<CustomResource>): Promise<Outcome> {
  const seen = await observe(deps, object)
  const plan = permitted(deps, seen, planProfile(planInput(deps, seen)))
  const synced = await sync(deps, seen, plan)
  const served = await findProfile<IssuancePolicy>(deps.db, ownRef(object))
  const behind = served === undefined ? [] : behindWith(served, await listLiveReplicas(deps.db, liveSeconds))
  const conditions = finalConditions(plan, { synced, behind })
  const ready = conditions.find(({ type }) => type === 'Ready')
  const clusterIssuer = await deps.clusterIssuers.reconcile({
    profile: ownRef(object),
    spec: seen.spec,
    ready: ready?.status === 'True',
    directoryUrl: deps.directoryUrl(publicId(deps.ownNamespace, ownRef(object))),
  })
  await deps.statuses.publish(certificateProfiles, object, {
    conditions: [...conditions, ...(clusterIssuer?.condition ? [clusterIssuer.condition] : [])],
    details: details(deps, seen, served, clusterIssuer?.name),
  })
  return { isWaiting: behind.length > 0, lookAgainSeconds: clusterIssuer?.lookAgainSeconds }
}

function ownRef({ metadata: { namespace = '', name } }: CustomResource): { namespace: string; name: string } {
  return { namespace, name }
}

async function observe(deps: ProfileControllerDeps, object: Stored<CustomResource>): Promise<Seen> {
  const spec = readProfileSpec(declaredPart(object))
  const { namespace, name } = ownRef(object)
  const served = await findProfile<IssuancePolicy>(deps.db, { namespace, name })
  const seen = { object, spec, ...(served && { served }) }
  if (!spec.ok) return seen
  const { issuerRef } = spec.spec
  const issuerObject = deps.issuers.get(issuerRef.namespace ?? namespace, issuerRef.name)
  if (issuerObject === undefined) return seen
  return { ...seen, issuerObject, issuer: await observeIssuer(deps, issuerObject, namespace) }
}

async function observeIssuer(
  deps: ProfileControllerDeps,
  object: Stored<CustomResource>,
  profileNamespace: string,
): Promise<ObservedIssuerRef> {
  const row = await findIssuerByUid<IssuerCeilings>(deps.db, object.metadata.uid)
  const { namespace, name } = ownRef(object)
  const { allowed, ceilings = row?.ceilings } = declaredLimits(object)
  const labels = deps.namespaceLabels(profileNamespace)
  return {
    namespace,
    name,
    ...(row && row.retiredAt === null && { id: row.id }),
    ready: row !== undefined && isReady(object),
    handshake: shakeHands({
      profileNamespace,
      issuerNamespace: namespace,
      ...(allowed && { allowed }),
      ...(labels && { labels }),
    }),
    ...(ceilings && { ceilings }),
  }
}

/** What an Issuer says about profiles of other namespaces; nothing while it has mistakes. */
function declaredLimits(object: CustomResource): {
  allowed?: IssuerSpec['allowedProfiles']['namespaces']
  ceilings?: IssuerCeilings | null
} {
  const spec = readIssuerSpec(declaredPart(object))
  return spec.ok ? { allowed: spec.spec.allowedProfiles.namespaces, ceilings: ceilingsOf(spec.spec) ?? null } : {}
}

function planInput(deps: ProfileControllerDeps, seen: Seen): Parameters<typeof planProfile>[0] {
  const { object, spec, issuer, served } = seen
  const { namespace } = ownRef(object)
  const { defaults, caps } = deps
  return { namespace, spec, ...(issuer && { issuer }), served: served !== undefined, defaults, caps }
}

/** A ClusterIssuer is for the whole cluster, so a tenant's profile can't have one. */
function permitted(deps: ProfileControllerDeps, { object, spec }: Seen, plan: ProfilePlan): ProfilePlan {
  const mistake = spec.ok ? deps.clusterIssuers.mistake(ownRef(object), spec.spec) : undefined
  if (mistake === undefined) return plan
  const condition = failed('Accepted', 'ClusterIssuerNotPermitted', mistake)
  return { conditions: withReady<ProfileReason>([condition], condition) }
}

const synced = fulfilled('Synced', 'the database says what the object says')
const stale = failed('Synced', 'StaleGeneration', 'the database holds a newer generation of this object')

/** Writes the planned revision, in one transaction, unless the database serves it already. */
async function sync(
  deps: ProfileControllerDeps,
  seen: Seen,
  { serve }: ProfilePlan,
): Promise<Condition<ProfileReason>> {
  const { object, served } = seen
  if (serve === undefined || isAsPlanned(seen, serve)) return synced
  const { uid, generation = 0 } = object.metadata
  const ref = ownRef(object)
  if (served?.generation === generation && hasChangedBehindUs(served, serve)) {
    deps.metrics.driftRepaired('CertificateProfile')
    deps.log.warn({ object: title('CertificateProfile', ref) }, 'its row had been changed and is put right')
  }
  const stored = await inEpoch(deps, (trx) =>
    upsertProfile(trx, {
      ...serve,
      ...ref,
      profileId: publicId(deps.ownNamespace, ref),
      uid,
      generation,
      actor: controllerActor,
    }),
  )
  return stored === undefined ? stale : synced
}

type Serve = NonNullable<ProfilePlan['serve']>

function isAsPlanned({ object, served }: Seen, { issuerId, policyHash: hash }: Serve): boolean {
  return (
    served !== undefined &&
    served.uid === object.metadata.uid &&
    served.generation === object.metadata.generation &&
    served.issuerId === issuerId &&
    served.policyHash === hash &&
    policyHash(served.policy) === hash
  )
}

/** The same spec can be served otherwise by right: its Issuer or the server's defaults have changed. */
function hasChangedBehindUs(
  { policy, policyHash: hash, issuerId }: ServedProfile<IssuancePolicy>,
  serve: Serve,
): boolean {
  return policyHash(policy) !== hash || (hash === serve.policyHash && issuerId !== serve.issuerId)
}

/** The live replicas that don't serve this revision yet, and why. */
function behindWith({ version, issuerId }: ServedProfile<IssuancePolicy>, replicas: readonly LiveReplica[]): string[] {
  if (replicas.length === 0) return ['no replica serves at the moment']
  return replicas.flatMap((replica) => {
    if (replica.version < version) return [`${replica.id} has not loaded it yet`]
    return replica.missingIssuers.includes(issuerId) ? [`${replica.id} has not loaded the key of its CA`] : []
  })
}

/** Ready is what clients rely on: cert-manager keeps what it saw of a directory. */
function finalConditions(
  { conditions }: ProfilePlan,
  { synced: syncedCondition, behind }: { synced: Condition<ProfileReason>; behind: readonly string[] },
): readonly Condition<ProfileReason>[] {
  const ready = conditions.find(({ type }) => type === 'Ready')
  const others = [...conditions.filter(({ type }) => type !== 'Ready'), syncedCondition]
  const isWell = ready?.status === 'True' && behind.length > 0
  const wanted = isWell ? failed('Ready', 'Pending' as const, `waits for all replicas: ${behind.join('; ')}`) : ready
  return wanted === undefined ? others : withReady<ProfileReason>(others, wanted)
}

function details(
  deps: ProfileControllerDeps,
  { object, issuerObject, issuer }: Seen,
  served: ServedProfile<IssuancePolicy> | undefined,
  clusterIssuer: string | undefined,
): Record<string, unknown> {
  const profileID = publicId(deps.ownNamespace, ownRef(object))
  return {
    profileID,
    ...(served && { revision: served.revision, policyHash: served.policyHash }),
    acme: { directoryURL: deps.directoryUrl(profileID) },
    ...(issuer && issuerObject && { issuer: issuerDetails(issuer, issuerObject) }),
    ...(clusterIssuer !== undefined && { clusterIssuer: { name: clusterIssuer } }),
  }
}

function issuerDetails({ namespace, name }: ObservedIssuerRef, { metadata: { uid } }: Stored<CustomResource>): object {
  return { namespace, name, uid }
}
