import type { Log } from '../../acme/ports.ts'
import type { Profiles } from '../../acme/profiles.ts'
import type { IssuingCa } from '../../ca/index.ts'
import { isUnavailable } from '../../store/errors.ts'
import { listIssuers, retireIssuer } from '../../store/issuers.ts'
import { listServedProfiles, retireProfile } from '../../store/profiles.ts'
import type { Metrics } from '../metrics.ts'
import { readManifests } from '../manifests/folder.ts'
import type { Snapshot } from '../manifests/folder.ts'
import { mistakeLine } from '../manifests/manifest.ts'
import type { Mistake } from '../manifests/manifest.ts'
import { declare, parentName } from './declared.ts'
import type { Declaration } from './declared.ts'
import { failed } from './conditions.ts'
import type { Condition, ProfileReason } from './conditions.ts'
import type { IssuerDeps } from './issuer/gather.ts'
import type { Found } from './issuer/plan.ts'
import { reconcileIssuer } from './issuer/reconcile.ts'
import type { IssuerOutcome } from './issuer/reconcile.ts'
import { readCaSecret } from './issuer/secret.ts'
import { ceilingsOf } from './issuer/spec.ts'
import { shakeHands } from './profile/handshake.ts'
import type { Handshake, HandshakeFacts } from './profile/handshake.ts'
import type { ObservedIssuerRef } from './profile/plan.ts'
import { reconcileProfile } from './profile/reconcile.ts'
import type { ProfileDeps } from './profile/reconcile.ts'
import type { ObjectStatus, Statuses } from './statuses.ts'
import { controllerActor } from './writing.ts'

export interface StandaloneDeps extends IssuerDeps, ProfileDeps {
  readonly manifestsFolder: string
  readonly profiles: Profiles
  readonly statuses: Statuses
  readonly metrics: Pick<Metrics, 'reconcile'>
  readonly log: Log
  /** Where clients find the directory of a profile. */
  readonly directoryUrl: (profileId: string) => string
}

/** What one pass over the manifests came to. */
export interface Pass {
  /** Sentences of Issuers that a starting process must stop for. */
  readonly refuseStart: readonly string[]
  readonly readyProfiles: readonly string[]
}

/** Brings a folder of manifests into the database, again and again. */
export interface StandaloneController {
  /** One whole pass; passes never overlap. Throws what the database throws, and may then be called again. */
  reconcile(): Promise<Pass>
}

export function createStandaloneController(deps: StandaloneDeps): StandaloneController {
  const told = new Set<string>()
  let lastPass: Promise<unknown> = Promise.resolve()

  async function pass(): Promise<Pass> {
    try {
      return await passOnce()
    } catch (error) {
      if (isUnavailable(error)) await deps.statuses.databaseAway()
      throw error
    }
  }

  async function passOnce(): Promise<Pass> {
    const snapshot = await readManifests(deps.manifestsFolder, { defaultNamespace: deps.ownNamespace })
    const declaration = declare(snapshot)
    tellMistakes(deps.log, told, declaration.mistakes)
    const issuers = await reconcileIssuers(deps, declaration)
    const profiles = await reconcileProfiles(deps, declaration, issuers)
    if (declaration.complete) await retireMissing(deps, snapshot)
    await keepHidden(deps, issuers)
    await deps.profiles.refresh()
    await deps.statuses.publish([...issuers.values(), ...profiles].map(({ status }) => status))
    return {
      refuseStart: [...issuers.values()].flatMap(({ outcome }) => outcome.refuseStart ?? []),
      readyProfiles: readyIds(profiles),
    }
  }

  return {
    reconcile() {
      const next = lastPass.then(pass)
      lastPass = next.catch(() => undefined)
      return next
    },
  }
}

/** Each mistake is told once, and again when it comes back. */
function tellMistakes(log: Log, told: Set<string>, mistakes: readonly Mistake[]): void {
  const lines = new Map(mistakes.map((mistake) => [mistakeLine(mistake), mistake]))
  for (const [line, { place, object, field }] of lines) {
    if (!told.has(line)) log.error({ ...place, object, field }, line)
  }
  told.clear()
  for (const line of lines.keys()) told.add(line)
}

interface ReconciledIssuer {
  readonly outcome: IssuerOutcome
  readonly status: ObjectStatus
  readonly ref: Omit<ObservedIssuerRef, 'handshake'> & Pick<HandshakeFacts, 'allowed'>
}

/** What an Issuer says about profiles of other namespaces. */
function limitsOf(spec: Declaration['issuers'][number]['spec']): Pick<ReconciledIssuer['ref'], 'allowed' | 'ceilings'> {
  if (!spec.ok) return {}
  const ceilings = ceilingsOf(spec.spec)
  return { allowed: spec.spec.allowedProfiles.namespaces, ...(ceilings && { ceilings }) }
}

async function reconcileIssuers(
  deps: StandaloneDeps,
  declaration: Declaration,
): Promise<ReadonlyMap<string, ReconciledIssuer>> {
  const reconciled = new Map<string, ReconciledIssuer>()
  for (const { namespace, name, spec } of declaration.issuers) {
    const secretName = spec.ok ? spec.spec.caSecret?.secretRef.name : undefined
    const secret =
      secretName === undefined
        ? undefined
        : readCaSecret(`Secret ${namespace}/${secretName}`, declaration.secret(namespace, secretName), deps.clock.now())
    const parent = findParent(deps, reconciled.get(`${namespace}/${parentName(spec)}`))
    const outcome = await reconcileIssuer(deps, {
      namespace,
      name,
      spec,
      ...(secret && { secret }),
      ...(parent && { parent }),
    })
    deps.metrics.reconcile('Issuer', outcome.ready ? 'ok' : 'refused')
    const { issuerId, ready, conditions } = outcome
    reconciled.set(`${namespace}/${name}`, {
      outcome,
      ref: { namespace, name, ...(issuerId !== undefined && { id: issuerId }), ready, ...limitsOf(spec) },
      status: { kind: 'Issuer', namespace, name, conditions, details: caDetails(deps, issuerId) },
    })
  }
  return reconciled
}

function findParent({ registry }: StandaloneDeps, parent: ReconciledIssuer | undefined): Found<IssuingCa> | undefined {
  if (parent === undefined) return undefined
  const { issuerId } = parent.outcome
  const signing = issuerId === undefined ? undefined : registry.signing(issuerId)
  if (signing !== undefined) return { ok: true, value: signing.ca }
  return {
    ok: false,
    reason: 'ParentNotReady',
    message: `Issuer ${parent.ref.namespace}/${parent.ref.name} is not ready; see its conditions`,
  }
}

function caDetails({ registry }: StandaloneDeps, issuerId: string | undefined): ObjectStatus['details'] {
  const issuer = issuerId === undefined ? undefined : registry.find(issuerId)
  const current = issuer?.generations.find(({ issuerCertificateId }) => issuerCertificateId === issuer.current)
  if (current === undefined) return {}
  const { certificate, generation } = current
  return {
    ca: {
      generation,
      serialNumber: certificate.serialNumber,
      notBefore: certificate.notBefore.toISOString(),
      notAfter: certificate.notAfter.toISOString(),
      sha256Fingerprint: certificate.sha256Fingerprint,
    },
  }
}

interface ReconciledProfile {
  readonly id: string
  readonly ready: boolean
  readonly needsNoProof: boolean
  readonly status: ObjectStatus
}

async function reconcileProfiles(
  deps: StandaloneDeps,
  declaration: Declaration,
  issuers: ReadonlyMap<string, ReconciledIssuer>,
): Promise<readonly ReconciledProfile[]> {
  const reconciled: ReconciledProfile[] = []
  for (const { namespace, name, spec } of declaration.profiles) {
    const ref = spec.ok ? spec.spec.issuerRef : undefined
    const issuer = ref && issuers.get(`${ref.namespace ?? namespace}/${ref.name}`)?.ref
    const { conditions: planned, profileId: id } = await reconcileProfile(deps, {
      namespace,
      name,
      spec,
      ...(issuer && { issuer: { ...issuer, handshake: handshake(namespace, issuer) } }),
      handshakeWith(issuerId) {
        const signing = [...issuers.values()].find(({ ref: { id } }) => id === issuerId)?.ref
        return signing === undefined ? { permitted: 'unknown' } : handshake(namespace, signing)
      },
    })
    const conditions = [...planned, ...clusterOnly(spec)]
    const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    deps.metrics.reconcile('CertificateProfile', ready ? 'ok' : 'refused')
    const details = { profileID: id, acme: { directoryURL: deps.directoryUrl(id) } }
    const needsNoProof = spec.ok && spec.spec.acme.authMode === 'TrustAuthenticated'
    reconciled.push({
      id,
      ready,
      needsNoProof,
      status: { kind: 'CertificateProfile', namespace, name, conditions, details },
    })
  }
  return reconciled
}

/** What a profile asks for that there is none of without Kubernetes. */
function clusterOnly(spec: Declaration['profiles'][number]['spec']): Condition<ProfileReason>[] {
  if (!spec.ok || !spec.spec.certManager.clusterIssuer.enabled) return []
  const message = 'ClusterIssuers are made in a cluster only; the profile is served all the same'
  return [failed('ClusterIssuer', 'NotInCluster', message)]
}

/** Namespaces have labels to be selected by only in a cluster. */
function handshake(
  profileNamespace: string,
  { namespace: issuerNamespace, allowed }: ReconciledIssuer['ref'],
): Handshake {
  return shakeHands({ profileNamespace, issuerNamespace, ...(allowed && { allowed }) })
}

/** Those that need no proof come first: they are what a newcomer can use at once. */
function readyIds(profiles: readonly ReconciledProfile[]): string[] {
  const ready = profiles.filter((profile) => profile.ready)
  return ready.toSorted((a, b) => Number(b.needsNoProof) - Number(a.needsNoProof)).map(({ id }) => id)
}

/** Issuers whose manifest can't be told at the moment keep signing, also after a restart. */
async function keepHidden(deps: StandaloneDeps, issuers: ReadonlyMap<string, ReconciledIssuer>): Promise<void> {
  const errors = [{ path: [], message: 'its manifest can not be read' }]
  for (const { namespace, name } of await listIssuers(deps.db)) {
    if (issuers.has(`${namespace}/${name}`)) continue
    await reconcileIssuer(deps, { namespace, name, spec: { ok: false, reason: 'InvalidSpec', errors } })
  }
}

/** Retires what no manifest declares any more. Never while text is unreadable: a typo must not take a directory away. */
async function retireMissing({ db, registry, log }: StandaloneDeps, snapshot: Snapshot): Promise<void> {
  const declared = new Set(
    [...snapshot.manifests, ...snapshot.ambiguous].map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
  )
  for (const { namespace, name, uid } of await listServedProfiles(db)) {
    const object = `CertificateProfile ${namespace}/${name}`
    if (declared.has(object)) continue
    await retireProfile(db, { uid, actor: controllerActor })
    log.warn({ object }, 'no manifest declares it any more: its directory is not served')
  }
  for (const { id, namespace, name, uid } of await listIssuers(db)) {
    const object = `Issuer ${namespace}/${name}`
    if (declared.has(object)) continue
    await retireIssuer(db, { uid, actor: controllerActor })
    registry.remove(id)
    log.warn({ object }, 'no manifest declares it any more: it signs no more')
  }
}
