import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import { isAlreadyExists, isConflict, isForbidden, isNotFound, KubernetesApiError } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { CustomResource, Stored } from '../../kubernetes/objects.ts'
import { clusterIssuers as resource } from '../../kubernetes/resources.ts'
import { failed, fulfilled } from '../conditions.ts'
import type { Condition, ProfileReason } from '../conditions.ts'
import type { readProfileSpec } from '../profile/spec.ts'
import { objectKey, valueAt } from './custom-object.ts'
import { isOurs, managedBy, profileAnnotation } from './ownership.ts'

/** The profile that a ClusterIssuer is kept for. */
export interface ClusterIssuerInput {
  readonly profile: { readonly namespace: string; readonly name: string }
  readonly spec: ReturnType<typeof readProfileSpec>
  /** A ClusterIssuer is made only for a directory that answers: cert-manager gives up on one that does not. */
  readonly ready: boolean
  readonly directoryUrl: string
}

export interface ClusterIssuerOutcome {
  readonly name: string
  readonly condition: Condition<ProfileReason>
  readonly lookAgainSeconds?: number
}

/** Keeps cert-manager's ClusterIssuers of profiles that ask for one: server URL, trust and solvers. */
export interface ClusterIssuers {
  /** Why a profile may not have the ClusterIssuer it asks for. */
  mistake(profile: { namespace: string; name: string }, spec: CertificateProfileSpec): string | undefined
  /** Undefined where the profile asks for none. Throws what the API server throws, other than that it has no such kind or refuses. */
  reconcile(input: ClusterIssuerInput): Promise<ClusterIssuerOutcome | undefined>
  /** Removes what was made for a profile that is gone. */
  release(profile: { namespace: string; name: string }): Promise<void>
}

export interface ClusterIssuerDeps {
  readonly client: KubernetesClient
  /** Whether the operator has the rights of the cluster option. */
  readonly enabled: boolean
  readonly ownNamespace: string
  /** ClusterIssuers that carry our label, as far as they are known. */
  readonly known: () => readonly Stored<CustomResource>[]
  /** What clients must trust for the listener, in PEM. */
  readonly caPem: () => Promise<string | undefined>
}

/** What is asked of cert-manager where the profile says nothing: never used where no challenge is asked for. */
const defaultSolvers = [{ http01: { ingress: {} } }]

const lookAgainSeconds = 60

export function createClusterIssuers(deps: ClusterIssuerDeps): ClusterIssuers {
  const { client, enabled, ownNamespace, known } = deps

  async function remove(which: (object: Stored<CustomResource>) => boolean): Promise<void> {
    for (const object of known().filter((one) => isOurs(one.metadata) && which(one))) {
      const { name, uid } = object.metadata
      await client.delete(resource, { name, uid }).catch((error: unknown) => {
        // Another one has the name by now: it is not ours to remove.
        if (!isConflict(error)) throw error
      })
    }
  }

  const isOf =
    (profile: { namespace: string; name: string }) =>
    ({ metadata }: CustomResource): boolean =>
      metadata.annotations?.[profileAnnotation] === objectKey(profile)

  return {
    mistake({ namespace }, { certManager: { clusterIssuer } }) {
      if (!clusterIssuer.enabled) return undefined
      if (namespace !== ownNamespace) {
        return `spec.certManager.clusterIssuer is for profiles of the operator's own namespace (${ownNamespace}): a ClusterIssuer serves every namespace; set enabled: false and make an Issuer of cert-manager in ${namespace}`
      }
      return enabled
        ? undefined
        : 'spec.certManager.clusterIssuer needs the cluster option: install the chart with server.clusterIssuers=true (without it: CERTCTL_CLUSTER_ISSUERS=on and rbac/cluster-issuers.yaml), or set enabled: false'
    },
    async reconcile(input) {
      const wanted = await wantedBy(deps, input)
      const name = wanted?.metadata.name
      await remove((object) => isOf(input.profile)(object) && object.metadata.name !== name)
      return wanted === undefined ? undefined : keep(client, wanted, input.ready)
    },
    release: (profile) => remove(isOf(profile)),
  }
}

async function wantedBy(
  { enabled, ownNamespace, caPem }: ClusterIssuerDeps,
  { profile, spec, directoryUrl }: ClusterIssuerInput,
): Promise<CustomResource | undefined> {
  const wanted = spec.ok ? spec.spec.certManager.clusterIssuer : undefined
  if (wanted?.enabled !== true || !enabled || profile.namespace !== ownNamespace) return undefined
  const name = wanted.name ?? `certctl-${profile.name}`
  const bundle = await caPem()
  return {
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name, labels: managedBy, annotations: { [profileAnnotation]: objectKey(profile) } },
    spec: {
      acme: {
        server: directoryUrl,
        ...(bundle !== undefined && { caBundle: Buffer.from(bundle).toString('base64') }),
        privateKeySecretRef: { name: `${name}-account-key` },
        solvers: wanted.solvers ?? defaultSolvers,
      },
    },
  }
}

async function keep(client: KubernetesClient, wanted: CustomResource, ready: boolean): Promise<ClusterIssuerOutcome> {
  const { name } = wanted.metadata
  try {
    return await tryToKeep(client, wanted, ready)
  } catch (error) {
    if (isForbidden(error)) return forbidden(name)
    if (isNotFound(error)) return absent(name)
    if (isAlreadyExists(error)) return { ...notOwned(name), lookAgainSeconds: 1 }
    if (error instanceof KubernetesApiError && !isConflict(error)) return refusedBy(name, error)
    throw error
  }
}

/** Asked of the API server each time, not of the cache: what is written over must be what was looked at. */
async function tryToKeep(
  client: KubernetesClient,
  wanted: CustomResource,
  ready: boolean,
): Promise<ClusterIssuerOutcome> {
  const { name } = wanted.metadata
  const found = await client.get(resource, { name })
  if (found === undefined) {
    if (!ready) return pending(name)
    if (!(await client.serves(resource))) return absent(name)
    await client.create(resource, wanted)
  } else {
    if (!isSameProfile(found, wanted)) return notOwned(name)
    if (!isCurrent(found, wanted)) await client.update(resource, merged(found, wanted))
  }
  return { name, condition: fulfilled('ClusterIssuer', `ClusterIssuer ${name} is kept for this profile`) }
}

function isSameProfile(found: CustomResource, wanted: CustomResource): boolean {
  const profile = wanted.metadata.annotations?.[profileAnnotation]
  return isOurs(found.metadata) && found.metadata.annotations?.[profileAnnotation] === profile
}

/** What others added, such as an e-mail address or annotations, is theirs; what we set is ours. */
function merged(found: Stored<CustomResource>, wanted: CustomResource): Stored<CustomResource> {
  return { ...found, spec: { ...asRecord(found.spec), acme: { ...acmeOf(found), ...acmeOf(wanted) } } }
}

function isCurrent(found: CustomResource, wanted: CustomResource): boolean {
  return holds(acmeOf(found), acmeOf(wanted))
}

/** Whether a value says all that is wanted; what cert-manager fills in beside it is no difference. */
function holds(found: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return found === wanted
  if (Array.isArray(wanted)) {
    const isSameList = Array.isArray(found) && found.length === wanted.length
    return isSameList && wanted.every((item, index) => holds(found[index], item))
  }
  const members = asRecord(found)
  return Object.entries(wanted).every(([name, value]) => holds(members[name], value))
}

function acmeOf({ spec }: CustomResource): Record<string, unknown> {
  return asRecord(valueAt(spec, 'acme'))
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function notOwned(name: string): ClusterIssuerOutcome {
  const message = `ClusterIssuer ${name} was not made for this profile and is left alone; remove it, or choose another name in spec.certManager.clusterIssuer.name`
  return { name, condition: failed('ClusterIssuer', 'ClusterIssuerNotOwned', message), lookAgainSeconds }
}

function absent(name: string): ClusterIssuerOutcome {
  const message =
    "cert-manager's CustomResourceDefinitions are not installed; install cert-manager, or set spec.certManager.clusterIssuer.enabled: false"
  return { name, condition: failed('ClusterIssuer', 'CertManagerAbsent', message), lookAgainSeconds }
}

function forbidden(name: string): ClusterIssuerOutcome {
  const message = `the operator may not write ClusterIssuer ${name}; apply rbac/cluster-issuers.yaml`
  return { name, condition: failed('ClusterIssuer', 'ClusterIssuerForbidden', message), lookAgainSeconds }
}

/** By its schema or by cert-manager's webhook, which may also just not be there yet. */
function refusedBy(name: string, { message }: KubernetesApiError): ClusterIssuerOutcome {
  const words = `ClusterIssuer ${name} was refused: ${message}; see spec.certManager.clusterIssuer.solvers`
  return { name, condition: failed('ClusterIssuer', 'ClusterIssuerRefused', words), lookAgainSeconds: 10 }
}

function pending(name: string): ClusterIssuerOutcome {
  return { name, condition: failed('ClusterIssuer', 'Pending', 'it is made as soon as the profile is ready') }
}
