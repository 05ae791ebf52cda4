import type {
  ClusterTrustBundle,
  ConfigMap,
  CustomResource,
  KubernetesEvent,
  KubernetesObject,
  Lease,
  Namespace,
  Secret,
} from './objects.ts'

declare const objectType: unique symbol

/**
 * A kind of object at its URL. T is the shape of its objects: the API server's word is trusted for the built-in kinds,
 * and what is ours is `unknown` until its controller has checked it.
 */
export interface Resource<T extends KubernetesObject> {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  readonly [objectType]?: T
}

const certctl = { group: 'certctl.io', version: 'v1alpha1' }
const core = { group: '', version: 'v1' }

export const issuers: Resource<CustomResource> = { ...certctl, plural: 'issuers', kind: 'Issuer', namespaced: true }

export const certificateProfiles: Resource<CustomResource> = {
  ...certctl,
  plural: 'certificateprofiles',
  kind: 'CertificateProfile',
  namespaced: true,
}

export const secrets: Resource<Secret> = { ...core, plural: 'secrets', kind: 'Secret', namespaced: true }

export const configMaps: Resource<ConfigMap> = { ...core, plural: 'configmaps', kind: 'ConfigMap', namespaced: true }

export const namespaces: Resource<Namespace> = { ...core, plural: 'namespaces', kind: 'Namespace', namespaced: false }

export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
}

export const events: Resource<KubernetesEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
}

/** cert-manager's kind, there only where cert-manager is installed. */
export const clusterIssuers: Resource<CustomResource> = {
  group: 'cert-manager.io',
  version: 'v1',
  plural: 'clusterissuers',
  kind: 'ClusterIssuer',
  namespaced: false,
}

/** There only on API servers that have the beta switched on. */
export const clusterTrustBundles: Resource<ClusterTrustBundle> = {
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  plural: 'clustertrustbundles',
  kind: 'ClusterTrustBundle',
  namespaced: false,
}

/** What objects of this kind carry as `apiVersion`. */
export function apiVersionOf({ group, version }: Pick<Resource<KubernetesObject>, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

/** The path of a group's version, under which discovery lists its kinds. */
export function groupPath({ group, version }: Pick<Resource<KubernetesObject>, 'group' | 'version'>): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`
}

/**
 * The path of a kind's objects, in one namespace or in all of them, or of one object of that name. Throws TypeError for
 * a name that would reach another path, and where the namespace is missing or too much: such a path is not found, which
 * would look as if the object weren't there.
 */
export function resourcePath(
  resource: Omit<Resource<KubernetesObject>, typeof objectType>,
  { namespace, name }: { readonly namespace?: string | undefined; readonly name?: string | undefined },
): string {
  if (namespace === undefined ? resource.namespaced && name !== undefined : !resource.namespaced) {
    throw new TypeError(`${resource.kind} ${name ?? ''} is asked for in namespace ${namespace ?? '(none)'}`)
  }
  const scope = namespace === undefined ? '' : `/namespaces/${pathSegment(namespace)}`
  const object = name === undefined ? '' : `/${pathSegment(name)}`
  return `${groupPath(resource)}${scope}/${resource.plural}${object}`
}

/** Empty, `.` and `..` would be another path; the API server allows none of them, nor a slash, in a name. */
function pathSegment(text: string): string {
  if (text === '' || text === '.' || text === '..') throw new TypeError(`"${text}" is not the name of an object`)
  return encodeURIComponent(text)
}
