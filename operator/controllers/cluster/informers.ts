import type { Informer } from '../../kubernetes/informer.ts'
import type { KubernetesObject } from '../../kubernetes/objects.ts'

/** The informers of one kind, one for each namespace that is watched, as if they were one. */
export class Informers<T extends KubernetesObject> {
  readonly #informers: ReadonlyMap<string | undefined, Informer<T>>

  /** By namespace; undefined is all of them. */
  constructor(informers: ReadonlyMap<string | undefined, Informer<T>>) {
    this.#informers = informers
  }

  start(): void {
    for (const informer of this.#informers.values()) informer.start()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.stop()))
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.whenSynced(signal)))
  }

  /** Whether everything in a namespace is here. */
  knows(namespace: string): boolean {
    return (this.#informers.get(undefined) ?? this.#informers.get(namespace))?.synced === true
  }

  /** The namespaces that can't be listed; `*` is all of them. */
  unknown(): readonly string[] {
    return [...this.#informers].filter(([, { synced }]) => !synced).map(([namespace]) => namespace ?? '*')
  }

  get(namespace: string | undefined, name: string): ReturnType<Informer<T>['get']> {
    for (const informer of this.#informers.values()) {
      const object = informer.get(namespace, name)
      if (object !== undefined) return object
    }
    return undefined
  }

  list(): ReturnType<Informer<T>['list']> {
    return [...this.#informers.values()].flatMap((informer) => informer.list())
  }

  lastHeardSeconds(): number {
    return Math.max(0, ...[...this.#informers.values()].map((informer) => informer.lastHeardSeconds()))
  }
}
