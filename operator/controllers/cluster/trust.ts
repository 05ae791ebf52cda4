import { isAlreadyExists, isForbidden } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ClusterTrustBundle } from '../../kubernetes/objects.ts'
import { clusterTrustBundles } from '../../kubernetes/resources.ts'
import type { Log } from '../../../acme/ports.ts'
import { publishConfigMap } from './config-map.ts'
import { isOurs, managedBy, operatorAnnotation } from './ownership.ts'

export const trustName = 'certctl-trust'

export interface TrustOptions {
  readonly client: KubernetesClient
  readonly log: Log
  readonly ownNamespace: string
  readonly namespaces: readonly string[]
  /** Whether the cluster has, and is to get, a ClusterTrustBundle as well. */
  readonly clusterTrustBundle: boolean
}

/**
 * Publishes what clients must trust for the ACME listener: the ConfigMap `certctl-trust` with `ca.crt` in each of the
 * namespaces, and a ClusterTrustBundle of that name where it is wanted. What somebody else made is left alone; of that,
 * and of what the API server refuses, the log tells. False where something is to be tried again.
 */
export async function publishTrust(options: TrustOptions, caPem: string): Promise<boolean> {
  const { client, log, ownNamespace, namespaces, clusterTrustBundle } = options
  const annotations = annotationsOf(ownNamespace)
  const attempts = namespaces.map(async (namespace) => {
    const fields = { namespace, name: trustName }
    const outcome = await publishConfigMap(client, { ...fields, annotations, data: { 'ca.crt': caPem } })
    if (outcome === 'published') return
    const reason =
      outcome === 'not-owned'
        ? 'it was made by somebody else, or by the certctl of another namespace, and is left alone; remove it, or do not publish there'
        : outcome.refused
    log.warn({ ...fields, reason }, 'what to trust for the listener is not published there')
  })
  if (clusterTrustBundle) attempts.push(publishBundle(options, caPem))
  const outcomes = await Promise.allSettled(attempts)
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected')
  for (const { reason: err } of failures) log.warn({ err }, 'what to trust for the listener could not be published yet')
  return failures.length === 0
}

/** Tells ours from what the certctl of another namespace publishes. */
function annotationsOf(ownNamespace: string): Record<string, string> {
  return { [operatorAnnotation]: ownNamespace }
}

async function publishBundle(options: TrustOptions, caPem: string): Promise<void> {
  const { client, log } = options
  try {
    if (!(await client.serves(clusterTrustBundles))) {
      log.warn(
        { name: trustName },
        'the API server has no ClusterTrustBundle (certificates.k8s.io/v1beta1); set CERTCTL_CLUSTER_TRUST_BUNDLE=off',
      )
      return
    }
    await writeBundle(options, caPem)
  } catch (error) {
    if (isForbidden(error))
      log.warn({ name: trustName }, 'the ClusterTrustBundle may not be written; apply rbac/cluster-issuers.yaml')
    else if (!isAlreadyExists(error)) throw error
  }
}

async function writeBundle({ client, log, ownNamespace }: TrustOptions, caPem: string): Promise<void> {
  const annotations = annotationsOf(ownNamespace)
  const found = await client.get(clusterTrustBundles, { name: trustName })
  const spec = { trustBundle: caPem }
  if (found === undefined) {
    const bundle: ClusterTrustBundle = {
      apiVersion: 'certificates.k8s.io/v1beta1',
      kind: 'ClusterTrustBundle',
      metadata: { name: trustName, labels: managedBy, annotations },
      spec,
    }
    await client.create(clusterTrustBundles, bundle)
  } else if (!isOurs(found.metadata, annotations))
    log.warn(
      { name: trustName },
      'the ClusterTrustBundle was made by somebody else, or by the certctl of another namespace, and is left alone',
    )
  else if (found.spec.trustBundle !== caPem) await client.update(clusterTrustBundles, { ...found, spec })
}
