import { isDeepStrictEqual } from 'node:util'
import type { IssuerCeilings } from '../../../acme/policy.ts'
import { parseIssuerCertificate } from '../../../ca/index.ts'
import type { IssuingCa } from '../../../ca/index.ts'
import {
  findIssuer,
  findIssuerByUid,
  listCertificatesOf,
  retireIssuer,
  setSigningCertificate,
  upsertIssuer,
} from '../../../store/issuers.ts'
import type { StoredIssuer } from '../../../store/issuers.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import type { IssuerStatus } from '../../api/issuer-status.ts'
import type { IssuerRegistry } from '../../issuer-registry.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import { issuers } from '../../kubernetes/resources.ts'
import type { ReconcileResult } from '../../kubernetes/workers.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, IssuerReason } from '../conditions.ts'
import { storeGeneration } from '../issuer/ca-material.ts'
import { impossibleCa, withFailure } from '../issuer/impossible-ca.ts'
import { planIssuer } from '../issuer/plan.ts'
import type { Found, IssuerPlan, KnownGeneration } from '../issuer/plan.ts'
import { ceilingsOf, issuerIdentity, readIssuerSpec } from '../issuer/spec.ts'
import { controllerActor } from '../writing.ts'
import { caDetails } from './ca-details.ts'
import { caSecretName, createCaSecret, findCa } from './ca-secret.ts'
import { publishChain } from './chain-config-map.ts'
import { inEpoch, title, unknownSeconds } from './controller.ts'
import type { Controller, ControllerDeps } from './controller.ts'
import { declaredPart, objectKey, parentKeyOf, parseKey } from './custom-object.ts'
import { whileAway } from './database-away.ts'
import { isReady } from './object-status.ts'

export interface IssuerControllerDeps extends ControllerDeps {
  /** The CAs of this replica: what signs a Subordinate. */
  readonly registry: Pick<IssuerRegistry, 'signing'>
  /** How many profiles name the Issuer of this key. */
  readonly countProfiles: (key: string) => number
}

/** How often what nobody tells us of is looked at: a Secret that changes, a certificate that comes to its end. */
const lookAgainSeconds = { broken: 10, loading: 2, well: 60 }

interface Seen {
  readonly object: Stored<CustomResource>
  readonly spec: ReturnType<typeof readIssuerSpec>
  readonly stored?: StoredIssuer
  readonly generations: readonly KnownGeneration[]
  readonly parent?: Found<IssuingCa>
  readonly secret?: Found<IssuingCa>
  readonly csr?: string
  readonly now: Date
}

/** Reconciles Issuers: a key made once into a Secret, generations in the database, the chain in a ConfigMap. */
export function createIssuerController(deps: IssuerControllerDeps): Controller {
  return {
    async reconcile(key) {
      const ref = parseKey(key)
      if (!deps.issuers.knows(ref.namespace)) return { requeueAfterSeconds: unknownSeconds }
      const object = deps.issuers.get(ref.namespace, ref.name)
      if (object === undefined) {
        deps.statuses.forget('Issuer', key)
        deps.drift.forget(title('Issuer', ref))
        return retireGone(deps, ref, undefined)
      }
      return whileAway(deps, issuers, object, async () => {
        await retireGone(deps, ref, object.metadata.uid)
        return reconcileIssuer(deps, object)
      })
    },
  }
}

/** What had this name and is not this object any more signs no more. */
async function retireGone(
  deps: IssuerControllerDeps,
  ref: { namespace: string; name: string },
  uid: string | undefined,
): Promise<ReconcileResult> {
  const stored = await findIssuer(deps.db, ref)
  if (stored === undefined || stored.uid === uid) return {}
  await inEpoch(deps, (trx) => retireIssuer(trx, { uid: stored.uid, actor: controllerActor }))
  deps.log.warn({ object: title('Issuer', ref) }, 'is gone: it signs no more')
  return {}
}

async function reconcileIssuer(deps: IssuerControllerDeps, object: Stored<CustomResource>): Promise<ReconcileResult> {
  let seen = await observe(deps, object)
  let plan = planIssuer(observed(seen))
  if (plan.action.do === 'make') {
    const failure = await tryToMake(deps, seen)
    if (failure !== undefined) return report(deps, seen, withFailure(plan.conditions, failure))
    // What is in the Secret now may be the work of another replica that was first.
    seen = await observe(deps, object)
    plan = planIssuer(observed(seen))
  }
  const synced = await sync(deps, seen, plan)
  const conditions = [...plan.conditions.filter(({ type }) => type !== 'Ready'), synced]
  const ready = plan.conditions.find(({ type }) => type === 'Ready')
  return report(deps, seen, ready === undefined ? conditions : withReady<IssuerReason>(conditions, ready))
}

async function observe(deps: IssuerControllerDeps, object: Stored<CustomResource>): Promise<Seen> {
  const spec = readIssuerSpec(declaredPart(object))
  const now = deps.clock.now()
  const stored = await findIssuerByUid(deps.db, object.metadata.uid)
  const generations = stored === undefined ? [] : await knownGenerations(deps, stored.id)
  if (!spec.ok) return { object, spec, ...(stored && { stored }), generations, now }
  const parent = await findParent(deps, object, spec.spec)
  const { ca: secret, csr } = await findCa(deps.client, { object, spec: spec.spec, now })
  return {
    object,
    spec,
    ...(stored && { stored }),
    generations,
    ...(parent && { parent }),
    ...(secret && { secret }),
    ...(csr !== undefined && { csr }),
    now,
  }
}

async function knownGenerations({ db }: IssuerControllerDeps, issuerId: string): Promise<KnownGeneration[]> {
  const rows = await listCertificatesOf(db, issuerId)
  return rows
    .map(({ id, generation, certificateDer, notAfter }) => ({
      id,
      generation,
      sha256Fingerprint: parseIssuerCertificate(new Uint8Array(certificateDer)).sha256Fingerprint,
      notAfter,
    }))
    .toSorted((a, b) => a.generation - b.generation)
}

async function findParent(
  { db, issuers: cache, registry }: IssuerControllerDeps,
  { metadata: { namespace = '' } }: CustomResource,
  spec: IssuerSpec,
): Promise<Found<IssuingCa> | undefined> {
  const name = spec.subordinate?.parentRef?.name
  if (name === undefined) return undefined
  const parentTitle = title('Issuer', { namespace, name })
  const notReady = (message: string): Found<IssuingCa> => ({ ok: false, reason: 'ParentNotReady', message })
  const object = cache.get(namespace, name)
  if (object === undefined) return notReady(`there is no ${parentTitle}; add it or correct parentRef`)
  const row = await findIssuerByUid(db, object.metadata.uid)
  const signing = row === undefined ? undefined : registry.signing(row.id)
  return signing === undefined
    ? notReady(`${parentTitle} is not ready; see its conditions`)
    : { ok: true, value: signing.ca }
}

function observed(seen: Seen): Parameters<typeof planIssuer>[0] {
  const { object, spec, stored, generations, parent, secret, now } = seen
  const { namespace, name } = object.metadata
  return {
    spec,
    ...(stored && { stored: { type: stored.type, identity: stored.specHash, generations } }),
    key: 'absent',
    keyPlace: `Secret ${namespace}/${spec.ok ? caSecretName(spec.spec, name) : ''}`,
    ...(secret && { secret }),
    ...(parent && { parent }),
    now,
  }
}

async function tryToMake(deps: IssuerControllerDeps, seen: Seen): Promise<Condition<IssuerReason> | undefined> {
  const { object, spec, parent, now } = seen
  if (!spec.ok) return undefined
  try {
    await createCaSecret(deps.client, { object, spec: spec.spec, parent, now })
    return undefined
  } catch (error) {
    return impossibleCa(error)
  }
}

const synced = fulfilled('Synced', 'the database says what the object says')
const stale = failed('Synced', 'StaleGeneration', 'the database holds a newer generation of this object')

/** The part of an Issuer's row that its object decides. */
interface Row {
  readonly type: string
  readonly specHash: string
  readonly generation: number
  readonly keySecret: string
  readonly suspended: boolean
  readonly ceilings: IssuerCeilings | null
}

/** Writes what the object says into its row, in one transaction, unless it is there already. */
async function sync(deps: IssuerControllerDeps, seen: Seen, plan: IssuerPlan): Promise<Condition<IssuerReason>> {
  const { object, spec, stored } = seen
  const { action } = plan
  if (!spec.ok || !isAccepted(plan) || (action.do === 'keep' && stored === undefined)) return synced
  const row = rowOf(seen, spec.spec)
  const isThere = isAsPlanned(stored, row, action)
  deps.drift.check(title('Issuer', object.metadata), [object.metadata.uid, row, fingerprintOf(seen)], isThere)
  if (isThere) return synced
  return (await write(deps, object, row, action)) ? synced : stale
}

/** Of the CA that is to sign: the same before and after it was adopted. */
function fingerprintOf({ secret }: Seen): string | undefined {
  return secret?.ok === true ? secret.value.certificate.sha256Fingerprint : undefined
}

function rowOf({ object: { metadata }, generations, now }: Seen, spec: IssuerSpec): Row {
  const newest = generations.at(-1)
  const isExpired = newest !== undefined && newest.notAfter <= now
  return {
    type: spec.type,
    specHash: issuerIdentity(spec),
    generation: metadata.generation ?? 0,
    keySecret: caSecretName(spec, metadata.name),
    suspended: spec.suspend || isExpired,
    ceilings: ceilingsOf(spec) ?? null,
  }
}

function write(
  deps: IssuerControllerDeps,
  { metadata: { namespace = '', name, uid } }: Stored<CustomResource>,
  { ceilings, ...row }: Row,
  action: IssuerPlan['action'],
): Promise<boolean> {
  return inEpoch(deps, async (trx) => {
    const issuer = { ...row, ...(ceilings && { ceilings }), namespace, name, uid, actor: controllerActor }
    const issuerId = await upsertIssuer(trx, issuer)
    if (issuerId === undefined) return false
    if (action.do === 'adopt')
      await setSigningCertificate(trx, issuerId, await storeGeneration(trx, issuerId, action.ca))
    if (action.do === 'serve') await setSigningCertificate(trx, issuerId, action.generationId)
    return true
  })
}

function isAccepted({ conditions }: IssuerPlan): boolean {
  return conditions.some(({ type, status }) => type === 'Accepted' && status === 'True')
}

function isAsPlanned(stored: StoredIssuer | undefined, row: Row, action: IssuerPlan['action']): boolean {
  if (stored === undefined || stored.retiredAt !== null || action.do === 'adopt') return false
  const { type, specHash, generation, keySecret, suspended, ceilings } = stored
  if (!isDeepStrictEqual({ type, specHash, generation, keySecret, suspended, ceilings }, row)) return false
  return action.do !== 'serve' || stored.signingCertificateId === action.generationId
}

async function report(
  deps: IssuerControllerDeps,
  seen: Seen,
  conditions: readonly Condition<IssuerReason>[],
): Promise<ReconcileResult> {
  const { object, secret } = seen
  const chain = secret?.ok === true ? await publishChain(deps.client, object, secret.value) : undefined
  const details = { ...detailsOf(seen), ...(chain && { chainConfigMap: { name: chain.name } }) }
  await deps.statuses.publish(issuers, object, {
    conditions: [...conditions, ...(chain?.warning ? [chain.warning] : [])],
    details: { ...details, boundProfiles: deps.countProfiles(objectKey(object.metadata)) },
  })
  return { requeueAfterSeconds: lookAgain(deps, seen, conditions) }
}

function detailsOf(seen: Seen): Omit<IssuerStatus, 'conditions' | 'observedGeneration'> {
  const { object, spec, secret, csr } = seen
  return {
    ...(spec.ok && { keySecret: { name: caSecretName(spec.spec, object.metadata.name) } }),
    ...(csr !== undefined && secret?.ok !== true && { csr }),
    ...(secret?.ok === true && { ca: caDetails(secret.value, seen.generations) }),
  }
}

/** A parent that becomes ready tells its children; only that its key is loaded here nobody tells. */
function lookAgain(
  { issuers: cache }: IssuerControllerDeps,
  { object }: Seen,
  conditions: readonly Condition<IssuerReason>[],
): number {
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready?.status === 'True') return lookAgainSeconds.well
  if (ready?.reason !== 'ParentNotReady') return lookAgainSeconds.broken
  const parent = parentKeyOf(object)
  const { namespace, name } = parseKey(parent ?? objectKey(object.metadata))
  const found = parent === undefined ? undefined : cache.get(namespace, name)
  return found !== undefined && isReady(found) ? lookAgainSeconds.loading : lookAgainSeconds.well
}
