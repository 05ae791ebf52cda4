/** A reference to the object that owns another; the API server removes the owned one with its owner. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** What every object says about itself. What the API server fills in is absent in an object that we send. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  /** Who set which field; the API server's own records. */
  readonly managedFields?: unknown
}

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** The metadata of an object that the API server has stored: it has an identity and a version. */
export interface StoredMeta extends ObjectMeta {
  readonly uid: string
  readonly resourceVersion: string
}

/** T as the API server returns it. */
export type Stored<T extends KubernetesObject> = T & { readonly metadata: StoredMeta }

export type StoredObject = Stored<KubernetesObject>

/** Where an object is: the namespace is absent for kinds that have none. */
export interface ObjectRef {
  readonly namespace?: string
  readonly name: string
}

/** An object of a kind whose fields we check ourselves. */
export interface CustomResource extends KubernetesObject {
  readonly spec: unknown
  readonly status?: unknown
}

export interface Secret extends KubernetesObject {
  readonly type?: string
  /** Base64 by key. */
  readonly data?: Readonly<Record<string, string>>
  readonly immutable?: boolean
}

export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>
  readonly immutable?: boolean
}

export interface Namespace extends KubernetesObject {
  readonly status?: { readonly phase?: string }
}

/** coordination.k8s.io/v1; times have microseconds, such as `2026-01-01T00:00:00.000000Z`. */
export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string | null
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string | null
    readonly renewTime?: string | null
    readonly leaseTransitions?: number
  }
}

export interface ObjectReference {
  readonly apiVersion?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly fieldPath?: string
}

/** events.k8s.io/v1; times have microseconds. */
export interface KubernetesEvent extends KubernetesObject {
  readonly eventTime: string
  readonly series?: { readonly count: number; readonly lastObservedTime: string }
  readonly reportingController: string
  readonly reportingInstance: string
  readonly action: string
  readonly reason: string
  readonly regarding: ObjectReference
  readonly note: string
  readonly type: 'Normal' | 'Warning'
}

/** certificates.k8s.io/v1beta1, on API servers that have it. */
export interface ClusterTrustBundle extends KubernetesObject {
  readonly spec: { readonly signerName?: string; readonly trustBundle: string }
}
