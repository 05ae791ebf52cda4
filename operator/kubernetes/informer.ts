import type { KubernetesObject, ObjectRef, Stored } from './objects.ts'

/** A copy of all objects of a kind, kept up to date by a watch. */
export interface Informer<T extends KubernetesObject> {
  /** Whether everything has been listed once. What it then holds may be old, but is never partial. */
  readonly synced: boolean
  /** Resolves when synced; rejects with the signal's reason. */
  whenSynced(signal: AbortSignal): Promise<void>
  get(namespace: string | undefined, name: string): Stored<T> | undefined
  list(): readonly Stored<T>[]
  start(): void
  /** Resolves when nothing is under way any more; `onChange` isn't called afterwards. */
  stop(): Promise<void>
  /** Seconds since the API server last said anything on the watch or answered a list; since the start before that. */
  lastHeardSeconds(): number
}

/** Told of every change. The object is undefined when it is gone. */
export type OnChange<T extends KubernetesObject> = (ref: ObjectRef, object: Stored<T> | undefined) => void
