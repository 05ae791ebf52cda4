import type { Log } from '../../../acme/ports.ts'
import { beginEpoch, StaleEpoch } from '../../../store/controller-epoch.ts'
import type { Db } from '../../../store/database.ts'
import { listIssuers } from '../../../store/issuers.ts'
import { listServedProfiles } from '../../../store/profiles.ts'
import type { Clock } from '../../clock.ts'
import type { IssuerRegistry } from '../../issuer-registry.ts'
import { isConflict } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { EventRecorder } from '../../kubernetes/event-recorder.ts'
import { createInformer } from '../../kubernetes/informer.ts'
import type { CustomResource, KubernetesObject, Namespace, ObjectRef } from '../../kubernetes/objects.ts'
import {
  certificateProfiles,
  clusterIssuers,
  issuers,
  namespaces as namespaceResource,
} from '../../kubernetes/resources.ts'
import type { Resource } from '../../kubernetes/resources.ts'
import type { Timers } from '../../kubernetes/timers.ts'
import { createWorkQueue } from '../../kubernetes/work-queue.ts'
import type { WorkQueue } from '../../kubernetes/work-queue.ts'
import { startWorkers } from '../../kubernetes/workers.ts'
import type { PolicyDefaults } from '../profile/policy.ts'
import type { ValidationCaps } from '../profile/validation-caps.ts'
import { createClusterIssuers } from './cluster-issuer.ts'
import type { Cache, Controller, ControllerDeps } from './controller.ts'
import { issuerKeyOf, objectKey, parentKeyOf } from './custom-object.ts'
import { createInitialObjects } from './initial-objects.ts'
import { Informers } from './informers.ts'
import { createIssuerController } from './issuer-controller.ts'
import { createObjectStatuses, isReady } from './object-status.ts'
import { managedBySelector, profileAnnotation } from './ownership.ts'
import { createProfileController } from './profile-controller.ts'
import { publishTrust } from './trust.ts'

/** What a replica needs to reconcile while it leads. */
export interface LeadershipDeps {
  readonly db: Db
  readonly client: KubernetesClient
  readonly registry: Pick<IssuerRegistry, 'signing'>
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly metrics: ReconcileMetrics
  readonly identity: string
  readonly ownNamespace: string
  readonly watch: WatchedNamespaces
  readonly defaults: PolicyDefaults
  readonly caps: ValidationCaps
  readonly directoryUrl: (profileId: string) => string
  readonly keepsClusterIssuers: boolean
  readonly clusterTrustBundle: boolean
  readonly trustNamespaces: readonly string[]
  /** Objects that are made where they are absent. */
  readonly initialManifests?: string
  /** What clients must trust for the listener, in PEM; undefined where the certificate was brought along. */
  readonly caPem: () => Promise<string | undefined>
}

/** All namespaces, or these. */
export type WatchedNamespaces = 'all' | readonly string[]

export interface ReconcileMetrics {
  reconcile(kind: string, result: 'ok' | 'failed'): void
  reconcileSeconds(kind: string, seconds: number): void
  driftRepaired(kind: string): void
  statusWritten(kind: string): void
  fenced(): void
  watchRestart(kind: string, cause: string): void
  /** From now on the gauges of queues and objects show these; undefined while this replica does not lead. */
  watchControllers(view: ControllersView | undefined): void
}

/** What the gauges are read from at each scrape. */
export interface ControllersView {
  readonly queues: ReadonlyMap<string, WorkQueue>
  readonly informers: ReadonlyMap<string, { lastHeardSeconds(): number }>
  readonly issuers: Cache
  readonly profiles: Cache
}

const workers = { Issuer: 2, CertificateProfile: 6 }
const resyncSeconds = 300
const trustCheckSeconds = 30
const countSeconds = 2

/**
 * Reconciles until the signal aborts: lists and watches, works off the queues, repairs what drifted and keeps trust
 * published. Every write carries the epoch that began here; rejects with StaleEpoch once another replica leads.
 */
export async function lead(deps: LeadershipDeps, signal: AbortSignal): Promise<void> {
  const epoch = await beginEpoch(deps.db, deps.identity)
  deps.log.info({ name: deps.identity, generation: epoch }, 'this replica reconciles from now on')
  const term = new Term(deps, epoch, signal)
  try {
    await term.run()
  } finally {
    await term.end()
  }
}

/** One time of leading: what lives as long as the epoch. */
class Term {
  readonly #deps: LeadershipDeps
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  readonly #queues: { readonly issuers: WorkQueue; readonly profiles: WorkQueue }
  readonly #issuers: Informers<CustomResource>
  readonly #profiles: Informers<CustomResource>
  readonly #clusterIssuers: Informers<CustomResource>
  readonly #namespaces: Informers<Namespace>
  readonly #controllers: { readonly issuers: Controller; readonly profiles: Controller }
  readonly #workers: { stop(): Promise<void> }[] = []
  readonly #issuerStates = new Map<string, string>()
  readonly #issuerOfProfile = new Map<string, string>()
  #publishedCa: string | undefined

  constructor(deps: LeadershipDeps, epoch: number, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = AbortSignal.any([signal, this.#ending.signal])
    const { timers } = deps
    this.#queues = { issuers: createWorkQueue({ timers }), profiles: createWorkQueue({ timers }) }
    const everywhere = deps.watch === 'all'
    this.#issuers = this.#watch(issuers, this.#watched(), (ref, object) => this.#onIssuer(ref, object))
    this.#profiles = this.#watch(certificateProfiles, this.#watched(), (ref, object) => this.#onProfile(ref, object))
    this.#clusterIssuers = this.#watch(
      clusterIssuers,
      deps.keepsClusterIssuers ? [undefined] : [],
      (_ref, object) => this.#onClusterIssuer(object),
      managedBySelector,
    )
    this.#namespaces = this.#watch(namespaceResource, everywhere ? [undefined] : [], ({ name }) =>
      this.#onNamespace(name),
    )
    this.#controllers = this.#createControllers(epoch)
  }

  /** Returns when leading has ended; rejects with what ended it, where that was not the signal. */
  async run(): Promise<void> {
    const { timers, log } = this.#deps
    for (const informers of this.#all()) informers.start()
    await Promise.all([this.#issuers.whenSynced(this.#signal), this.#profiles.whenSynced(this.#signal)])
    if (this.#deps.watch === 'all') await this.#namespaces.whenSynced(this.#signal)
    this.#startWorkers()
    await this.#createInitial()
    this.#deps.metrics.watchControllers(this.#view())
    const trust = this.#keepTrust()
    while (!this.#signal.aborted) {
      await this.#resync().catch((err: unknown) => log.warn({ err }, 'the resync failed and will be tried again'))
      await timers.sleep(resyncSeconds * 1000, this.#signal).catch(() => undefined)
    }
    await trust
    if (this.#signal.reason instanceof StaleEpoch) throw this.#signal.reason
  }

  async #createInitial(): Promise<void> {
    const { client, log, ownNamespace, initialManifests: folder } = this.#deps
    if (folder === undefined) return
    await createInitialObjects({ client, log, folder, ownNamespace }, this.#signal)
  }

  async end(): Promise<void> {
    this.#ending.abort(new Error('leading has ended'))
    this.#deps.metrics.watchControllers(undefined)
    for (const queue of Object.values(this.#queues)) queue.shutDown()
    await Promise.all([...this.#workers.map((one) => one.stop()), ...this.#all().map((one) => one.stop())])
  }

  #all(): readonly { start(): void; stop(): Promise<void> }[] {
    return [this.#issuers, this.#profiles, this.#clusterIssuers, this.#namespaces]
  }

  #watched(): readonly (string | undefined)[] {
    return this.#deps.watch === 'all' ? [undefined] : this.#deps.watch
  }

  #watch<T extends KubernetesObject>(
    resource: Resource<T>,
    places: readonly (string | undefined)[],
    onChange: (ref: ObjectRef, object: T | undefined) => void,
    labelSelector?: string,
  ): Informers<T> {
    const { client, timers, log, metrics } = this.#deps
    return new Informers(
      places.map((namespace) =>
        createInformer({
          client,
          resource,
          ...(namespace !== undefined && { namespace }),
          ...(labelSelector !== undefined && { labelSelector }),
          onChange,
          timers,
          log,
          metrics,
        }),
      ),
    )
  }

  #createControllers(epoch: number): { issuers: Controller; profiles: Controller } {
    const { client, ownNamespace, keepsClusterIssuers: enabled, caPem, metrics, events, clock } = this.#deps
    const statuses = createObjectStatuses({ client, events, clock, onWrite: (kind) => metrics.statusWritten(kind) })
    const controllerDeps: ControllerDeps = {
      ...this.#deps,
      epoch,
      statuses,
      issuers: this.#issuers,
      profiles: this.#profiles,
    }
    const known = (): ReturnType<Informers<CustomResource>['list']> => this.#clusterIssuers.list()
    const kept = createClusterIssuers({ client, enabled, ownNamespace, known, caPem })
    return {
      issuers: createIssuerController({ ...controllerDeps, registry: this.#deps.registry }),
      profiles: createProfileController({
        ...controllerDeps,
        defaults: this.#deps.defaults,
        caps: this.#deps.caps,
        directoryUrl: this.#deps.directoryUrl,
        clusterIssuers: kept,
        namespaceLabels: (namespace) => this.#namespaceLabels(namespace),
      }),
    }
  }

  #namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined {
    const object = this.#namespaces.get(undefined, namespace)
    return object === undefined ? undefined : (object.metadata.labels ?? {})
  }

  #startWorkers(): void {
    const { log, timers, metrics } = this.#deps
    const start = (name: 'Issuer' | 'CertificateProfile', queue: WorkQueue, controller: Controller): void => {
      const reconcile = (key: string): ReturnType<Controller['reconcile']> => this.#fenced(name, key, controller)
      this.#workers.push(
        startWorkers({ name, queue, workers: workers[name], reconcile, log, timers, isConflict, metrics }),
      )
    }
    start('Issuer', this.#queues.issuers, this.#controllers.issuers)
    start('CertificateProfile', this.#queues.profiles, this.#controllers.profiles)
  }

  /** The first write that is refused because another replica leads ends this one's leading. */
  async #fenced(kind: string, key: string, controller: Controller): ReturnType<Controller['reconcile']> {
    try {
      const result = await controller.reconcile(key)
      this.#deps.metrics.reconcile(kind, 'ok')
      return result
    } catch (error) {
      this.#deps.metrics.reconcile(kind, 'failed')
      if (!(error instanceof StaleEpoch)) throw error
      this.#deps.metrics.fenced()
      this.#ending.abort(error)
      return {}
    }
  }

  /** What depends on an Issuer looks again when its spec or its readiness has changed, not for every word of its status. */
  #onIssuer(ref: ObjectRef, object: CustomResource | undefined): void {
    const key = objectKey(ref)
    this.#queues.issuers.add(key)
    const state =
      object === undefined ? 'gone' : `${object.metadata.uid}/${object.metadata.generation}/${isReady(object)}`
    if (this.#issuerStates.get(key) === state) return
    this.#issuerStates.set(key, state)
    for (const profile of this.#profiles.list()) {
      if (issuerKeyOf(profile) === key) this.#queues.profiles.add(objectKey(profile.metadata))
    }
    for (const issuer of this.#issuers.list()) {
      if (parentKeyOf(issuer) === key) this.#queues.issuers.add(objectKey(issuer.metadata))
    }
  }

  /** Its Issuer counts it, a little later: many come at once. */
  #onProfile(ref: ObjectRef, object: CustomResource | undefined): void {
    const key = objectKey(ref)
    this.#queues.profiles.add(key)
    const issuerKey = object === undefined ? undefined : issuerKeyOf(object)
    const before = this.#issuerOfProfile.get(key)
    if (issuerKey === before) return
    if (issuerKey === undefined) this.#issuerOfProfile.delete(key)
    else this.#issuerOfProfile.set(key, issuerKey)
    for (const changed of [before, issuerKey]) {
      if (changed !== undefined) this.#queues.issuers.addAfter(changed, countSeconds)
    }
  }

  /** Also for one that somebody deleted or changed: its profile puts it right. */
  #onClusterIssuer(object: CustomResource | undefined): void {
    const profile = object?.metadata.annotations?.[profileAnnotation]
    if (profile !== undefined) this.#queues.profiles.add(profile)
    else for (const { metadata } of this.#profiles.list()) this.#addOwn(metadata)
  }

  #addOwn(metadata: ObjectRef): void {
    if (metadata.namespace === this.#deps.ownNamespace) this.#queues.profiles.add(objectKey(metadata))
  }

  /** Its labels may let its profiles in or keep them out. */
  #onNamespace(name: string): void {
    for (const { metadata } of this.#profiles.list()) {
      if (metadata.namespace === name) this.#queues.profiles.add(objectKey(metadata))
    }
  }

  /** Looks at everything that is declared, and at every row whose object is gone. */
  async #resync(): Promise<void> {
    const { db } = this.#deps
    for (const { metadata } of this.#issuers.list()) this.#queues.issuers.add(objectKey(metadata))
    for (const { metadata } of this.#profiles.list()) this.#queues.profiles.add(objectKey(metadata))
    for (const row of await listIssuers(db)) this.#addRow(this.#queues.issuers, row)
    for (const row of await listServedProfiles(db)) this.#addRow(this.#queues.profiles, row)
    for (const object of this.#clusterIssuers.list()) this.#onClusterIssuer(object)
  }

  /** What is declared in namespaces that are not watched is not gone: nobody knows. */
  #addRow(queue: WorkQueue, row: { namespace: string; name: string }): void {
    const { watch } = this.#deps
    if (watch === 'all' || watch.includes(row.namespace)) queue.add(objectKey(row))
  }

  /** Publishes the bundle whenever it changes and, should somebody have changed what is published, at each resync. */
  async #keepTrust(): Promise<void> {
    const { timers, log } = this.#deps
    const every = resyncSeconds / trustCheckSeconds
    for (let round = 0; !this.#signal.aborted; round++) {
      await this.#publishTrust(round % every === 0).catch((err: unknown) =>
        log.warn({ err }, "the listener's CA could not be published and will be tried again"),
      )
      await timers.sleep(trustCheckSeconds * 1000, this.#signal).catch(() => undefined)
    }
  }

  async #publishTrust(always: boolean): Promise<void> {
    const caPem = await this.#deps.caPem()
    if (caPem === undefined || (caPem === this.#publishedCa && !always)) return
    const { client, log, trustNamespaces: namespaces, clusterTrustBundle } = this.#deps
    await publishTrust({ client, log, namespaces, clusterTrustBundle }, caPem)
    if (this.#publishedCa !== undefined && this.#publishedCa !== caPem) {
      for (const { metadata } of this.#profiles.list()) this.#addOwn(metadata)
    }
    this.#publishedCa = caPem
  }

  #view(): ControllersView {
    return {
      queues: new Map([
        ['Issuer', this.#queues.issuers],
        ['CertificateProfile', this.#queues.profiles],
      ]),
      informers: new Map([
        ['Issuer', this.#issuers],
        ['CertificateProfile', this.#profiles],
      ]),
      issuers: this.#issuers,
      profiles: this.#profiles,
    }
  }
}
