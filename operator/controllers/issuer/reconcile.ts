import { isDeepStrictEqual } from 'node:util'
import { loadIssuingCa } from '../../../ca/index.ts'
import type { IssuingCa } from '../../../ca/index.ts'
import { KeyFileError } from '../../ca-keys.ts'
import { publicId } from '../../issuer-registry.ts'
import type { RegisteredGeneration, RegisteredIssuer } from '../../issuer-registry.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, IssuerReason } from '../conditions.ts'
import { applyIssuerPlan } from './apply.ts'
import { gatherIssuer, isKeyOf } from './gather.ts'
import type { DeclaredIssuer, GatheredGeneration, GatheredIssuer, IssuerDeps } from './gather.ts'
import { impossibleCa, withFailure } from './impossible-ca.ts'
import { planIssuer } from './plan.ts'
import type { IssuerPlan } from './plan.ts'
import { ceilingsOf } from './spec.ts'

export interface IssuerOutcome {
  readonly conditions: readonly Condition<IssuerReason>[]
  /** The issuer's row; absent while it has none. */
  readonly issuerId?: string
  readonly ready: boolean
  /** Set where a starting process must stop with these words. */
  readonly refuseStart?: string
}

/**
 * Brings one Issuer from what is declared into key file, database and registry. May be repeated at any time, and at
 * the same time in any number of processes.
 */
export async function reconcileIssuer(deps: IssuerDeps, declared: DeclaredIssuer): Promise<IssuerOutcome> {
  try {
    return await reconcile(deps, declared)
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error
    const condition = failed('ResolvedRefs', 'KeyMismatch', error.message)
    return { conditions: withReady<IssuerReason>([condition], condition), ready: false, refuseStart: error.message }
  }
}

async function reconcile(deps: IssuerDeps, declared: DeclaredIssuer): Promise<IssuerOutcome> {
  let gathered = await gatherIssuer(deps, declared)
  let plan = planIssuer(gathered.observed)
  if (needsWriting(gathered, declared, plan)) {
    const applied = await tryToApply(deps, declared, gathered, plan)
    if (applied !== undefined) return { conditions: withFailure(plan.conditions, applied), ready: false }
    // What was written is read again: it may be the work of another process that was first.
    gathered = await gatherIssuer(deps, declared)
    plan = planIssuer(gathered.observed)
  }
  return outcome(plan, register(deps, declared, gathered, plan))
}

function needsWriting({ stored }: GatheredIssuer, { spec }: DeclaredIssuer, { action }: IssuerPlan): boolean {
  if (action.do === 'make' || action.do === 'adopt') return true
  return action.do === 'serve' && spec.ok && !isDeepStrictEqual(stored?.ceilings ?? undefined, ceilingsOf(spec.spec))
}

/** The failure that the author of the manifest can do something about; undefined where the plan was carried out. */
async function tryToApply(
  deps: IssuerDeps,
  declared: DeclaredIssuer,
  gathered: GatheredIssuer,
  plan: IssuerPlan,
): Promise<Condition<IssuerReason> | undefined> {
  try {
    if (await applyIssuerPlan(deps, declared, gathered, plan)) return undefined
    return failed(
      'Synced',
      'StaleGeneration',
      'another process has written a newer state; check that its clock is right',
    )
  } catch (error) {
    return impossibleCa(error)
  }
}

function outcome(plan: IssuerPlan, issuerId: string | undefined): IssuerOutcome {
  const synced = fulfilled('Synced', 'the database says what the manifest says')
  return {
    conditions: [...plan.conditions, synced],
    ...(issuerId !== undefined && { issuerId }),
    ready: isReady(plan),
    ...(plan.refuseStart !== undefined && { refuseStart: plan.refuseStart }),
  }
}

/** Puts the Issuer into the registry as the plan wants it, with every generation whose key is at hand. */
function register(
  { registry, ownNamespace }: IssuerDeps,
  declared: DeclaredIssuer,
  gathered: GatheredIssuer,
  plan: IssuerPlan,
): string | undefined {
  const issuerId = gathered.stored?.id
  if (issuerId === undefined) return undefined
  const before = registry.find(issuerId)
  const generations = gathered.generations.map((generation) => {
    const { id: issuerCertificateId, ...facts } = generation
    const held = before?.generations.find((one) => one.issuerCertificateId === issuerCertificateId)?.ca
    const ca = held ?? caOf(generation, declared, gathered)
    return { ...facts, issuerCertificateId, ...(ca && { ca }) }
  })
  const served = plan.action.do === 'serve' ? serving(plan, plan.action.generationId) : lastGood(before, generations)
  const { namespace, spec } = declared
  // What holds while the manifest can't be read is what it last said.
  const ceilings = spec.ok ? ceilingsOf(spec.spec) : (gathered.stored?.ceilings ?? undefined)
  const issuer = { issuerId, namespace, publicId: publicId(ownNamespace, declared), generations }
  registry.put({ ...issuer, ...served, ...(ceilings && { ceilings }) })
  return issuerId
}

type Served = Pick<RegisteredIssuer, 'signing' | 'current'>

function serving(plan: IssuerPlan, generationId: string): Served {
  return { current: generationId, ...(isReady(plan) && { signing: generationId }) }
}

/** While the manifest is wrong, what signed before goes on signing; after a restart that is the newest with its key. */
function lastGood(before: RegisteredIssuer | undefined, generations: readonly RegisteredGeneration[]): Served {
  if (before !== undefined) {
    return { ...(before.current && { current: before.current }), ...(before.signing && { signing: before.signing }) }
  }
  const newest = generations.at(-1)
  if (newest === undefined) return {}
  return { current: newest.issuerCertificateId, ...(newest.ca && { signing: newest.issuerCertificateId }) }
}

function isReady({ conditions }: IssuerPlan): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

function caOf(
  { certificate, chainPem, rootPem }: GatheredGeneration,
  { secret }: DeclaredIssuer,
  { key }: GatheredIssuer,
): IssuingCa | undefined {
  if (secret?.ok === true && secret.value.certificate.sha256Fingerprint === certificate.sha256Fingerprint) {
    return secret.value
  }
  if (key === undefined || !isKeyOf(key, certificate)) return undefined
  return loadIssuingCa({ certificateDer: certificate.der, chainPem, rootPem }, key)
}
