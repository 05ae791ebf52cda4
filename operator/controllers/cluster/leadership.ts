import type { Log } from '../../../acme/ports.ts'
import { beginEpoch, StaleEpoch } from '../../../store/controller-epoch.ts'
import type { Db } from '../../../store/database.ts'
import type { Clock } from '../../clock.ts'
import type { IssuerRegistry } from '../../issuer-registry.ts'
import { isConflict } from '../../kubernetes/api-error.ts'
import { bindClient } from '../../kubernetes/bound-client.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { EventRecorder } from '../../kubernetes/event-recorder.ts'
import { createInformer } from '../../kubernetes/informer.ts'
import type { Informer, InformerOptions } from '../../kubernetes/informer.ts'
import type { CustomResource, KubernetesObject, Namespace, ObjectRef, Stored } from '../../kubernetes/objects.ts'
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
import type { ValidationCaps } from '../../../acme/validation/caps.ts'
import { createClusterIssuers } from './cluster-issuer.ts'
import { createDrift } from './controller.ts'
import type { Cache, Controller, ControllerDeps } from './controller.ts'
import { createDispatch } from './dispatch.ts'
import type { Dispatch } from './dispatch.ts'
import { Informers } from './informers.ts'
import { createIssuerController } from './issuer-controller.ts'
import { createObjectStatuses } from './object-status.ts'
import { managedBySelector } from './ownership.ts'
import { createProfileController } from './profile-controller.ts'
import { keepPublished } from './publishing.ts'

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
const resyncAgainSeconds = 10
const longestFirstListMs = 5_000

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

/** Annotations of our own kinds mean nothing to us, and a tenant may write a quarter of a megabyte of them. */
const unannotated = {
  trim<T extends CustomResource>(object: Stored<T>): Stored<T> {
    const { annotations: _annotations, ...metadata } = object.metadata
    return { ...object, metadata }
  },
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
  readonly #dispatch: Dispatch
  readonly #controllers: { readonly issuers: Controller; readonly profiles: Controller }
  readonly #workers: { stop(): Promise<void> }[] = []

  constructor(deps: LeadershipDeps, epoch: number, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = AbortSignal.any([signal, this.#ending.signal])
    const { timers, db, log, ownNamespace, watch } = deps
    this.#queues = { issuers: createWorkQueue({ timers }), profiles: createWorkQueue({ timers }) }
    this.#issuers = this.#watch(
      issuers,
      this.#watched(),
      (ref, object) => this.#dispatch.onIssuer(ref, object),
      unannotated,
    )
    this.#profiles = this.#watch(
      certificateProfiles,
      this.#watched(),
      (ref, object) => this.#dispatch.onProfile(ref, object),
      unannotated,
    )
    this.#clusterIssuers = this.#watch(
      clusterIssuers,
      deps.keepsClusterIssuers ? [undefined] : [],
      (_ref, object) => this.#dispatch.onClusterIssuer(object),
      { labelSelector: managedBySelector },
    )
    this.#namespaces = this.#watch(namespaceResource, watch === 'all' ? [undefined] : [], ({ name }) =>
      this.#dispatch.onNamespace(name),
    )
    const objects = {
      issuers: () => this.#issuers.list(),
      profiles: () => this.#profiles.list(),
      clusterIssuers: () => this.#clusterIssuers.list(),
    }
    this.#dispatch = createDispatch({ db, log, queues: this.#queues, objects, ownNamespace })
    this.#controllers = this.#createControllers(epoch)
  }

  /** Returns when leading has ended; rejects with what ended it, where that was not the signal. */
  async run(): Promise<void> {
    for (const informers of this.#all()) informers.start()
    await this.#listed()
    this.#startWorkers()
    this.#deps.metrics.watchControllers(this.#view())
    await Promise.all([this.#keepInSync(), this.#keepPublished()])
    if (this.#signal.reason instanceof StaleEpoch) throw this.#signal.reason
  }

  async end(): Promise<void> {
    this.#ending.abort(new Error('leading has ended'))
    this.#deps.metrics.watchControllers(undefined)
    for (const queue of Object.values(this.#queues)) queue.shutDown()
    await Promise.all([...this.#workers.map((one) => one.stop()), ...this.#all().map((one) => one.stop())])
  }

  /** Waits for the first lists, and not for ever: a namespace that can't be listed must not keep the others waiting. */
  async #listed(): Promise<void> {
    const { timers, log } = this.#deps
    const needed = [this.#issuers, this.#profiles, this.#namespaces]
    const listed = Promise.all(needed.map((informers) => informers.whenSynced(this.#signal)))
    await Promise.race([listed, timers.sleep(longestFirstListMs, this.#signal)]).catch(() => undefined)
    // Whoever is left waiting is told of the end by the signal.
    listed.catch(() => undefined)
    for (const namespace of new Set(needed.flatMap((informers) => informers.unknown()))) {
      log.error({ namespace }, 'objects there can not be listed, so nothing there is reconciled; see rbac/')
    }
  }

  async #keepInSync(): Promise<void> {
    const { timers, log } = this.#deps
    while (!this.#signal.aborted) {
      const isDone = await this.#dispatch.resync().then(
        () => true,
        (err: unknown) => {
          log.warn({ err }, 'the resync failed and will be tried again')
          return false
        },
      )
      await timers.sleep((isDone ? resyncSeconds : resyncAgainSeconds) * 1000, this.#signal).catch(() => undefined)
    }
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
    options: Pick<InformerOptions<T>, 'labelSelector' | 'trim'> = {},
  ): Informers<T> {
    const { client, timers, log, metrics } = this.#deps
    const informerOf = (namespace: string | undefined): Informer<T> =>
      createInformer({
        client,
        resource,
        ...(namespace !== undefined && { namespace }),
        ...options,
        onChange,
        timers,
        log,
        metrics,
      })
    return new Informers(new Map(places.map((namespace) => [namespace, informerOf(namespace)])))
  }

  #createControllers(epoch: number): { issuers: Controller; profiles: Controller } {
    const { ownNamespace, keepsClusterIssuers: enabled, caPem, metrics, events, clock, log } = this.#deps
    // Whoever doesn't lead any more changes nothing: another replica does by now.
    const client = bindClient(this.#deps.client, this.#signal)
    const statuses = createObjectStatuses({ client, events, clock, onWrite: (kind) => metrics.statusWritten(kind) })
    const controllerDeps: ControllerDeps = {
      ...this.#deps,
      client,
      epoch,
      statuses,
      issuers: this.#issuers,
      profiles: this.#profiles,
      drift: createDrift({ log, metrics }),
    }
    const known = (): ReturnType<Informers<CustomResource>['list']> => this.#clusterIssuers.list()
    const kept = createClusterIssuers({ client, enabled, ownNamespace, known, caPem })
    return {
      issuers: createIssuerController({
        ...controllerDeps,
        registry: this.#deps.registry,
        countProfiles: (key) => this.#dispatch.countProfiles(key),
      }),
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

  /** What is published goes out under the same signal as everything else that is written. */
  #keepPublished(): Promise<void> {
    const client = bindClient(this.#deps.client, this.#signal)
    return keepPublished({ ...this.#deps, client, onTrust: () => this.#dispatch.onTrust() }, this.#signal)
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
