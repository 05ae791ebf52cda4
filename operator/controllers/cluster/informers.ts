import type { Informer } from '../../kubernetes/informer.ts'
import type { KubernetesObject } from '../../kubernetes/objects.ts'

/** The informers of one kind, one for each namespace that is watched, as if they were one. */
export class Informers<T extends KubernetesObject> {
  readonly #informers: readonly Informer<T>[]

  constructor(informers: readonly Informer<T>[]) {
    this.#informers = informers
  }

  start(): void {
    for (const informer of this.#informers) informer.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()))
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.whenSynced(signal)))
  }

  get(namespace: string | undefined, name: string): ReturnType<Informer<T>['get']> {
    for (const informer of this.#informers) {
      const object = informer.get(namespace, name)
      if (object !== undefined) return object
    }
    return undefined
  }

  list(): ReturnType<Informer<T>['list']> {
    return this.#informers.flatMap((informer) => informer.list())
  }

  lastHeardSeconds(): number {
    return Math.max(0, ...this.#informers.map((informer) => informer.lastHeardSeconds()))
  }
}
