/** What the tests look at in objects of the API server. */

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly generation?: number
  readonly resourceVersion?: string
  readonly creationTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[]
}

export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Metadata
}

export interface Listed<T> {
  readonly items: T[]
}

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason?: string
  readonly message?: string
  readonly observedGeneration?: number
  readonly lastTransitionTime?: string
}

/** An object that says how it is doing by conditions. */
export interface Conditioned extends KubeObject {
  readonly spec?: unknown
  readonly status?: { readonly conditions?: readonly Condition[] }
}

/** A kind of object; T is what the tests read of it. */
export interface Kind<out T extends KubeObject> {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** Never there: it ties the type of the objects to the kind. */
  readonly object?: T
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

export interface Secret extends KubeObject {
  readonly type?: string
  readonly immutable?: boolean
  /** Values in base64. */
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
}

export interface Issuer extends Conditioned {
  readonly spec: object
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly observedGeneration?: number
    readonly ca?: { readonly sha256Fingerprint?: string; readonly generation?: number; readonly subject?: string }
    readonly chainConfigMap?: { readonly name: string }
    readonly keySecret?: { readonly name: string }
    readonly csr?: string
    readonly boundProfiles?: number
  }
}

export interface CertificateProfile extends Conditioned {
  readonly spec: object
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly observedGeneration?: number
    readonly profileID?: string
    readonly revision?: number
    readonly acme?: { readonly directoryURL?: string }
    readonly clusterIssuer?: { readonly name: string }
  }
}

export interface ClusterIssuer extends Conditioned {
  readonly spec: {
    readonly acme: {
      readonly server: string
      readonly caBundle?: string
      readonly privateKeySecretRef: { readonly name: string }
      readonly solvers: readonly object[]
    }
  }
}

export interface Certificate extends Conditioned {
  readonly spec: {
    readonly secretName: string
    readonly dnsNames: readonly string[]
    readonly issuerRef: { readonly name: string; readonly kind: string; readonly group?: string }
    readonly commonName?: string
    readonly duration?: string
    readonly renewBefore?: string
    readonly privateKey?: object
  }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly revision?: number
    readonly notAfter?: string
    readonly renewalTime?: string
  }
}

export interface Order extends KubeObject {
  readonly spec: { readonly dnsNames?: readonly string[] }
  readonly status?: { readonly state?: string; readonly reason?: string; readonly url?: string }
}

export interface Challenge extends KubeObject {
  readonly status?: { readonly state?: string; readonly reason?: string }
}

export interface Ingress extends KubeObject {
  readonly spec: {
    readonly rules?: readonly {
      readonly host?: string
      readonly http?: {
        readonly paths: readonly {
          readonly path?: string
          readonly backend: { readonly service?: { readonly name: string } }
        }[]
      }
    }[]
  }
}

export interface Service extends KubeObject {
  readonly spec: { readonly selector?: Readonly<Record<string, string>> }
}

export interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly args?: readonly string[] }[] }
}

export interface Lease extends KubeObject {
  readonly spec: { readonly holderIdentity?: string; readonly leaseTransitions?: number }
}

export interface KubeEvent extends KubeObject {
  readonly type?: string
  readonly reason?: string
  readonly note?: string
  readonly regarding?: { readonly kind?: string; readonly namespace?: string; readonly name?: string }
}

function core<T extends KubeObject>(kind: string, plural: string, namespaced = true): Kind<T> {
  return { group: '', version: 'v1', plural, kind, namespaced }
}

function certManager<T extends KubeObject>(kind: string, plural: string, namespaced = true): Kind<T> {
  return { group: 'cert-manager.io', version: 'v1', plural, kind, namespaced }
}

const acme = { group: 'acme.cert-manager.io', version: 'v1', namespaced: true }
const certctl = { group: 'certctl.io', version: 'v1alpha1', namespaced: true }

export const issuers: Kind<Issuer> = { ...certctl, plural: 'issuers', kind: 'Issuer' }
export const profiles: Kind<CertificateProfile> = {
  ...certctl,
  plural: 'certificateprofiles',
  kind: 'CertificateProfile',
}

export const namespaces = core('Namespace', 'namespaces', false)
export const serviceAccounts = core('ServiceAccount', 'serviceaccounts')
export const configMaps = core<ConfigMap>('ConfigMap', 'configmaps')
export const secrets = core<Secret>('Secret', 'secrets')
export const services = core<Service>('Service', 'services')
export const pods = core<Pod>('Pod', 'pods')

export const clusterIssuers = certManager<ClusterIssuer>('ClusterIssuer', 'clusterissuers', false)
export const certificates = certManager<Certificate>('Certificate', 'certificates')
export const certificateRequests = certManager<Conditioned>('CertificateRequest', 'certificaterequests')
export const orders: Kind<Order> = { ...acme, plural: 'orders', kind: 'Order' }
export const challenges: Kind<Challenge> = { ...acme, plural: 'challenges', kind: 'Challenge' }

export const customResourceDefinitions: Kind<Conditioned> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}
export const ingresses: Kind<Ingress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingresses',
  kind: 'Ingress',
  namespaced: true,
}
export const leases: Kind<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
}
export const events: Kind<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
}
export const clusterTrustBundles: Kind<KubeObject & { readonly spec: { readonly trustBundle: string } }> = {
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  plural: 'clustertrustbundles',
  kind: 'ClusterTrustBundle',
  namespaced: false,
}
