import type { ClusterCredentials } from './credentials.ts'
import type { KubernetesObject, ObjectRef, Stored } from './objects.ts'
import type { Resource } from './resources.ts'
import type { Timers } from './timers.ts'

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  /** At most so many at once; the rest comes with `continueToken`. */
  readonly limit?: number | undefined
  readonly continueToken?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ListPage<T extends KubernetesObject> {
  readonly items: readonly Stored<T>[]
  /** From where a watch may go on. */
  readonly resourceVersion: string
  readonly continueToken?: string
}

export interface WatchOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly resourceVersion: string
  /** When the API server is to end the watch. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
  /** Throws ApiServerUnreachable when not a byte has come for so long. By default 90: bookmarks come every minute. */
  readonly silenceSeconds?: number | undefined
  /** Told of every sign of life: the beginning of the answer, and whatever bytes come. */
  readonly onHeard?: (() => void) | undefined
}

/** A bookmark carries nothing but the version up to which everything has been told. */
export type WatchEvent<T extends KubernetesObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored<T> }
  | { readonly type: 'BOOKMARK'; readonly object: { readonly metadata: { readonly resourceVersion: string } } }

/**
 * The API server's verbs. Everything throws KubernetesApiError for an answer that is an error and ApiServerUnreachable
 * for none; a signal's reason is thrown as it is. Nothing is tried twice.
 */
export interface KubernetesClient {
  /** Undefined where there is no such object. */
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    signal?: AbortSignal,
  ): Promise<Stored<T> | undefined>
  /** One page. */
  list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions): Promise<ListPage<T>>
  /** Throws an error that `isAlreadyExists` knows where the name is taken. */
  create<T extends KubernetesObject>(resource: Resource<T>, object: T, signal?: AbortSignal): Promise<Stored<T>>
  /** Replaces the whole. The object's resourceVersion is the precondition: `isConflict` where it is not current. */
  update<T extends KubernetesObject>(resource: Resource<T>, object: T, signal?: AbortSignal): Promise<Stored<T>>
  /**
   * Server-side apply in our field manager's name: makes the object where it is missing, takes over fields of others
   * unless `force` is false. Undefined for the status of an object that isn't there.
   */
  apply<T extends KubernetesObject, Configuration extends KubernetesObject = KubernetesObject>(
    resource: Resource<T>,
    configuration: Configuration,
    options?: { readonly subresource?: 'status'; readonly force?: boolean; readonly signal?: AbortSignal },
  ): Promise<Stored<T> | undefined>
  /** False where there is no such object. With a uid, throws what `isConflict` knows where another has the name now. */
  delete(
    resource: Resource<KubernetesObject>,
    ref: ObjectRef & { readonly uid?: string },
    signal?: AbortSignal,
  ): Promise<boolean>
  /**
   * Changes since a version, until the API server ends it or the signal aborts. An event of type ERROR is thrown as a
   * KubernetesApiError.
   */
  watch<T extends KubernetesObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>
  /** Whether the API server has this kind at all. */
  serves(resource: Resource<KubernetesObject>): Promise<boolean>
  /** Ends idle connections; the client isn't used any more. */
  close(): void
}

export interface KubernetesClientOptions {
  readonly credentials: ClusterCredentials
  readonly timers: Timers
  /** Who owns the fields that `apply` sets. */
  readonly fieldManager?: string
  readonly userAgent?: string
  readonly requestTimeoutMs?: number
}
