import type { IssuancePolicy, IssuerCeilings } from '../../../acme/policy.ts'
import { findIssuerById, findIssuerByUid } from '../../../store/issuers.ts'
import { findProfile, retireProfile, upsertProfile } from '../../../store/profiles.ts'
import type { ServedProfile } from '../../../store/profiles.ts'
import { listLiveReplicas } from '../../../store/replicas.ts'
import type { CertificateProfileStatus } from '../../api/certificate-profile-status.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import { publicId } from '../../issuer-registry.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import { certificateProfiles } from '../../kubernetes/resources.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, ProfileReason } from '../conditions.ts'
import { readIssuerSpec, ceilingsOf } from '../issuer/spec.ts'
import { shakeHands } from '../profile/handshake.ts'
import type { Handshake } from '../profile/handshake.ts'
import { planProfile, refused } from '../profile/plan.ts'
import type { ObservedIssuerRef, ProfilePlan, ServedNow } from '../profile/plan.ts'
import { policyHash } from '../profile/policy.ts'
import type { PolicyDefaults } from '../profile/policy.ts'
import { readProfileSpec } from '../profile/spec.ts'
import type { ValidationCaps } from '../../../acme/validation/caps.ts'
import { controllerActor } from '../writing.ts'
import type { ClusterIssuers } from './cluster-issuer.ts'
import { inEpoch, title, unknownSeconds } from './controller.ts'
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
/**
 * A replica is told of a change at once; one that takes longer is asked for less and less often. Only then does the
 * status say so: every profile would show it for a moment, and again whenever a replica starts.
 */
const waitingSeconds = { first: 0.25, worthTelling: 2, longest: 10 }

interface Seen {
  readonly object: Stored<CustomResource>
  readonly spec: ReturnType<typeof readProfileSpec>
  readonly issuer?: ObservedIssuerRef
  readonly issuerObject?: Stored<CustomResource>
  readonly served?: ServedProfile<IssuancePolicy>
  /** Whether the Issuer of what is served still lets the profile in. */
  readonly servedHandshake: Handshake
}

/** Reconciles CertificateProfiles: rows and revisions in the database, and Ready once every live replica serves them. */
export function createProfileController(deps: ProfileControllerDeps): Controller {
  const waits = new Map<string, number>()

  /** How long to wait for the replicas this time. */
  function nextWait(key: string): number {
    return Math.min((waits.get(key) ?? waitingSeconds.first / 2) * 2, waitingSeconds.longest)
  }

  return {
    async reconcile(key) {
      const ref = parseKey(key)
      if (!deps.profiles.knows(ref.namespace)) return { requeueAfterSeconds: unknownSeconds }
      const object = deps.profiles.get(ref.namespace, ref.name)
      if (object === undefined) {
        waits.delete(key)
        deps.statuses.forget('CertificateProfile', key)
        deps.drift.forget(title('CertificateProfile', ref))
        await retireGone(deps, ref, undefined)
        await deps.clusterIssuers.release(ref)
        return {}
      }
      return whileAway(deps, certificateProfiles, object, async () => {
        const served = await retireGone(deps, ref, object.metadata.uid)
        const wait = nextWait(key)
        const { isWaiting, lookAgainSeconds = wellSeconds } = await reconcileProfile(deps, object, {
          served,
          tellsOfWaiting: wait >= waitingSeconds.worthTelling,
        })
        if (isWaiting) waits.set(key, wait)
        else waits.delete(key)
        return { requeueAfterSeconds: isWaiting ? wait : lookAgainSeconds }
      })
    },
  }
}

/**
 * What had this name and is not this object any more is served no more; its certificates and its audit stay. Returns what
 * is served for this object.
 */
async function retireGone(
  deps: ProfileControllerDeps,
  ref: { namespace: string; name: string },
  uid: string | undefined,
): Promise<ServedProfile<IssuancePolicy> | undefined> {
  const served = await findProfile<IssuancePolicy>(deps.db, ref)
  if (served === undefined || served.uid === uid) return served
  await inEpoch(deps, (trx) => retireProfile(trx, { uid: served.uid, actor: controllerActor }))
  deps.log.warn({ object: title('CertificateProfile', ref) }, 'is gone: its directory is not served any more')
  return undefined
}

interface Outcome {
  /** For a replica to serve what is written. */
  readonly isWaiting: boolean
  readonly lookAgainSeconds?: number | undefined
}

async function reconcileProfile(
  deps: ProfileControllerDeps,
  object: Stored<CustomResource>,
  before: { readonly served: ServedProfile<IssuancePolicy> | undefined; readonly tellsOfWaiting: boolean },
): Promise<Outcome> {
  const seen = await observe(deps, object, before.served)
  const plan = permitted(deps, seen, planProfile(planInput(deps, seen)))
  const { condition: synced, served } = await sync(deps, seen, plan)
  const behind = served === undefined ? [] : await findBehind(deps, served)
  const isWaiting = behind.length > 0 && isReadyBut(plan)
  if (isWaiting && !before.tellsOfWaiting) return { isWaiting }
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
  return { isWaiting, lookAgainSeconds: clusterIssuer?.lookAgainSeconds }
}

function ownRef({ metadata: { namespace = '', name } }: CustomResource): { namespace: string; name: string } {
  return { namespace, name }
}

async function observe(
  deps: ProfileControllerDeps,
  object: Stored<CustomResource>,
  served: ServedProfile<IssuancePolicy> | undefined,
): Promise<Seen> {
  const spec = readProfileSpec(declaredPart(object))
  const { namespace } = ownRef(object)
  const servedHandshake = await shakeHandsWithServed(deps, namespace, served)
  const seen = { object, spec, ...(served && { served }), servedHandshake }
  if (!spec.ok) return seen
  const { issuerRef } = spec.spec
  const issuerObject = deps.issuers.get(issuerRef.namespace ?? namespace, issuerRef.name)
  if (issuerObject === undefined) return seen
  return { ...seen, issuerObject, issuer: await observeIssuer(deps, issuerObject, namespace) }
}

/** An Issuer that is gone signs nothing anyway. */
async function shakeHandsWithServed(
  deps: ProfileControllerDeps,
  profileNamespace: string,
  served: ServedProfile<IssuancePolicy> | undefined,
): Promise<Handshake> {
  const row = served && (await findIssuerById(deps.db, served.issuerId))
  const object = row && deps.issuers.get(row.namespace, row.name)
  if (object === undefined || object.metadata.uid !== row?.uid) return { permitted: 'unknown' }
  return shakeHandsWith(deps, object, profileNamespace)
}

function shakeHandsWith(deps: ProfileControllerDeps, issuer: CustomResource, profileNamespace: string): Handshake {
  const { allowed } = declaredLimits(issuer)
  const labels = deps.namespaceLabels(profileNamespace)
  return shakeHands({
    profileNamespace,
    issuerNamespace: issuer.metadata.namespace ?? '',
    ...(allowed && { allowed }),
    ...(labels && { labels }),
  })
}

async function observeIssuer(
  deps: ProfileControllerDeps,
  object: Stored<CustomResource>,
  profileNamespace: string,
): Promise<ObservedIssuerRef> {
  const row = await findIssuerByUid<IssuerCeilings>(deps.db, object.metadata.uid)
  const { namespace, name } = ownRef(object)
  const { ceilings = row?.ceilings } = declaredLimits(object)
  return {
    namespace,
    name,
    ...(row && row.retiredAt === null && { id: row.id }),
    ready: row?.retiredAt === null && isReady(object),
    handshake: shakeHandsWith(deps, object, profileNamespace),
    ...(ceilings && { ceilings }),
  }
}

/** What an Issuer says about profiles of other namespaces; nothing while it has mistakes. */
function declaredLimits(object: CustomResource): DeclaredLimits {
  const known = readLimits.get(object)
  if (known !== undefined) return known
  const spec = readIssuerSpec(declaredPart(object))
  const limits: DeclaredLimits = spec.ok
    ? { allowed: spec.spec.allowedProfiles.namespaces, ceilings: ceilingsOf(spec.spec) ?? null }
    : {}
  readLimits.set(object, limits)
  return limits
}

interface DeclaredLimits {
  readonly allowed?: IssuerSpec['allowedProfiles']['namespaces']
  readonly ceilings?: IssuerCeilings | null
}

/** A thousand profiles ask the same object, which is another one as soon as it says something else. */
const readLimits = new WeakMap<CustomResource, DeclaredLimits>()

function planInput(deps: ProfileControllerDeps, seen: Seen): Parameters<typeof planProfile>[0] {
  const { object, spec, issuer } = seen
  const { namespace } = ownRef(object)
  const { defaults, caps } = deps
  const served = servedNow(seen)
  return { namespace, spec, ...(issuer && { issuer }), ...(served && { served }), defaults, caps }
}

function servedNow({ served, servedHandshake: handshake }: Seen): ServedNow | undefined {
  return served && { issuerId: served.issuerId, policy: served.policy, handshake }
}

/** A ClusterIssuer is for the whole cluster, so a tenant's profile can't have one. */
function permitted(deps: ProfileControllerDeps, seen: Seen, plan: ProfilePlan): ProfilePlan {
  const { object, spec } = seen
  const mistake = spec.ok ? deps.clusterIssuers.mistake(ownRef(object), spec.spec) : undefined
  return mistake === undefined ? plan : refused('ClusterIssuerNotPermitted', mistake, servedNow(seen))
}

const synced = fulfilled('Synced', 'the database says what the object says')
const stale = failed('Synced', 'StaleGeneration', 'the database holds a newer generation of this object')

interface Synced {
  readonly condition: Condition<ProfileReason>
  /** What is served afterwards. */
  readonly served: ServedProfile<IssuancePolicy> | undefined
}

/** Writes the planned revision, in one transaction, unless the database serves it already. */
async function sync(deps: ProfileControllerDeps, seen: Seen, { serve }: ProfilePlan): Promise<Synced> {
  const { object, served } = seen
  if (serve === undefined) return { condition: synced, served }
  const isThere = isAsPlanned(seen, serve)
  const { uid, generation = 0 } = object.metadata
  const ref = ownRef(object)
  const { issuerId, policyHash: hash } = serve
  deps.drift.check(title('CertificateProfile', ref), { uid, generation, issuerId, hash }, isThere)
  if (isThere) return { condition: synced, served }
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
  const condition = stored === undefined ? stale : synced
  return { condition, served: await findProfile<IssuancePolicy>(deps.db, ref) }
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

/** The live replicas that don't serve this revision yet, or not by the last word of its Issuer, and why. */
async function findBehind(
  { db }: ProfileControllerDeps,
  { version: ownVersion, issuerId }: ServedProfile<IssuancePolicy>,
): Promise<string[]> {
  const issuer = await findIssuerById(db, issuerId)
  const version = Math.max(ownVersion, issuer?.version ?? 0)
  const replicas = await listLiveReplicas(db, liveSeconds)
  if (replicas.length === 0) return ['no replica serves at the moment']
  return replicas.flatMap((replica) => {
    if (replica.version < version) return [`${replica.id} has not loaded it yet`]
    return replica.missingIssuers.includes(issuerId) ? [`${replica.id} has not loaded the key of its CA`] : []
  })
}

/** Whether nothing but the replicas is waited for. */
function isReadyBut({ conditions }: ProfilePlan): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

/** Ready is what clients rely on: cert-manager keeps what it saw of a directory. */
function finalConditions(
  { conditions }: ProfilePlan,
  { synced: syncedCondition, behind }: { synced: Condition<ProfileReason>; behind: readonly string[] },
): readonly Condition<ProfileReason>[] {
  const ready = conditions.find(({ type }) => type === 'Ready')
  const others = [...conditions.filter(({ type }) => type !== 'Ready'), syncedCondition]
  const wanted =
    ready?.status === 'True' && behind.length > 0
      ? failed('Ready', 'Pending' as const, `waits for all replicas: ${behind.join('; ')}`)
      : ready
  return wanted === undefined ? others : withReady<ProfileReason>(others, wanted)
}

function details(
  deps: ProfileControllerDeps,
  { object, issuerObject, issuer }: Seen,
  served: ServedProfile<IssuancePolicy> | undefined,
  clusterIssuer: string | undefined,
): Omit<CertificateProfileStatus, 'conditions' | 'observedGeneration'> {
  const profileID = publicId(deps.ownNamespace, ownRef(object))
  return {
    profileID,
    ...(served && { revision: served.revision, policyHash: served.policyHash }),
    acme: { directoryURL: deps.directoryUrl(profileID) },
    ...(issuer && issuerObject && { issuer: issuerDetails(issuer, issuerObject) }),
    ...(clusterIssuer !== undefined && { clusterIssuer: { name: clusterIssuer } }),
  }
}

function issuerDetails(
  { namespace, name }: ObservedIssuerRef,
  { metadata: { uid } }: Stored<CustomResource>,
): NonNullable<CertificateProfileStatus['issuer']> {
  return { namespace, name, uid }
}
