import type { Cluster } from './cluster.ts'
import { updateKey, zone } from './stage.ts'
import { addresses } from './addresses.ts'
import type { ApiClient } from './api-client.ts'
import { certManagerNamespace } from './cert-manager.ts'
import {
  certificates,
  issuers,
  profiles,
  secrets,
  type Certificate,
  type CertificateProfile,
  type Condition,
  type Conditioned,
  type Issuer,
  type Kind,
} from './kinds.ts'
import { until } from './wait.ts'

/** Where an object is. */
export interface Place {
  readonly name: string
  readonly namespace: string
}

/** A root CA that certctl makes itself. */
export function selfSignedIssuer({ name, namespace }: Place, more: object = {}): Issuer {
  const selfSigned = { subject: { commonName: `E2E ${name}` }, privateKey: { algorithm: 'ECDSA', curve: 'P-256' } }
  return { metadata: { name, namespace }, spec: { type: 'SelfSigned', selfSigned, ...more } }
}

/** A profile that gives the names of the tests' zone to everybody. `more` are further members of its spec. */
export function trustProfile({ name, namespace }: Place, issuer: string, more: object = {}): CertificateProfile {
  return {
    metadata: { name, namespace },
    spec: {
      issuerRef: { name: issuer },
      acme: { authMode: 'TrustAuthenticated', registration: 'Open' },
      identifiers: { dns: { allowed: [`**.${zone}`] } },
      ...more,
    },
  }
}

/** A profile that wants every name proven, within the private network. */
export function challengeProfile({ name, namespace }: Place, issuer: string, more: object = {}): CertificateProfile {
  return {
    metadata: { name, namespace },
    spec: {
      issuerRef: { name: issuer },
      acme: { authMode: 'Challenge', validation: { allowedNetworks: ['10.88.0.0/16'] } },
      identifiers: { dns: { allowed: [`**.${zone}`], wildcards: true } },
      ...more,
    },
  }
}

/** A Certificate of cert-manager, kept in the Secret of its own name. */
export function certificateOf(
  { name, namespace }: Place,
  clusterIssuer: string,
  more: Partial<Certificate['spec']> = {},
): Certificate {
  const issuerRef = { name: clusterIssuer, kind: 'ClusterIssuer' }
  return {
    metadata: { name, namespace },
    spec: { secretName: name, dnsNames: [`${name}.${zone}`], issuerRef, privateKey: { algorithm: 'ECDSA' }, ...more },
  }
}

/** cert-manager's solver for dns-01 that changes the zone of the tests; its Secret must be there. */
export const rfc2136Solver = {
  // cert-manager's own look at the record is followed by a minute of sleep.
  waitInsteadOfSelfCheck: '1s',
  dns01: {
    rfc2136: {
      nameserver: `${addresses.nameServer}:53`,
      tsigKeyName: updateKey.name,
      tsigAlgorithm: 'HMACSHA256',
      tsigSecretSecretRef: { name: updateKey.name, key: 'secret' },
    },
  },
}

/** Puts the key of dynamic updates where {@link rfc2136Solver} looks for it. */
export async function createUpdateSecret(api: ApiClient): Promise<void> {
  const stringData = { secret: updateKey.secret.toString('base64') }
  await api.apply(secrets, { metadata: { name: updateKey.name, namespace: certManagerNamespace }, stringData })
}

/** cert-manager's solver for http-01. */
export const ingressSolver = { http01: { ingress: { ingressClassName: 'e2e' } } }

/** What is waited for in an object's conditions. */
export interface ConditionWish {
  readonly type: string
  readonly status: Condition['status']
  readonly reason?: string
  readonly seconds?: number
}

/**
 * Waits until the object's newest generation has the condition, and returns the object. Where it does not come, the
 * error shows the conditions that were there instead.
 */
export async function reaches<T extends Conditioned>(
  { api }: Pick<Cluster, 'api'>,
  { kind, name, namespace }: { readonly kind: Kind<T>; readonly name: string; readonly namespace?: string },
  { type, status, reason, seconds = 30 }: ConditionWish,
): Promise<T> {
  const what = `${kind.kind} ${name} to have ${type}=${status}${reason === undefined ? '' : ` (${reason})`}`
  return until({ what, seconds }, async () => {
    const object = await api.get(kind, name, namespace)
    const conditions = object?.status?.conditions ?? []
    const found = conditions.find((condition) => condition.type === type)
    const isCurrent = (found?.observedGeneration ?? 0) >= (object?.metadata.generation ?? 0)
    const isWanted = found?.status === status && (reason === undefined || found.reason === reason)
    if (object !== undefined && isWanted && isCurrent) return object
    throw new Error(`generation ${object?.metadata.generation} has ${JSON.stringify(conditions)}`)
  })
}

const ready = { type: 'Ready', status: 'True' } as const

/** Waits until the object is Ready in its newest generation. */
export function isReady<T extends Conditioned>(
  cluster: Pick<Cluster, 'api'>,
  where: { readonly kind: Kind<T>; readonly name: string; readonly namespace?: string },
  seconds = 30,
): Promise<T> {
  return reaches(cluster, where, { ...ready, seconds })
}

/** Creates the objects and waits until the profile is Ready. */
export async function createProfile(
  cluster: Pick<Cluster, 'api'>,
  issuer: Issuer,
  profile: CertificateProfile,
): Promise<CertificateProfile> {
  await cluster.api.create(issuers, issuer)
  await cluster.api.create(profiles, profile)
  return isReady(cluster, { kind: profiles, ...placeOf(profile) })
}

/** Creates the Certificate and waits until cert-manager says that it is Ready. */
export async function obtain(
  cluster: Pick<Cluster, 'api'>,
  certificate: Certificate,
  seconds = 40,
): Promise<Certificate> {
  await cluster.api.create(certificates, certificate)
  return isReady(cluster, { kind: certificates, ...placeOf(certificate) }, seconds)
}

export function placeOf({ metadata }: Conditioned): Place {
  return { name: metadata.name, namespace: metadata.namespace ?? '' }
}
