import { isAlreadyExists, isForbidden, isNotFound } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ClusterTrustBundle } from '../../kubernetes/objects.ts'
import { clusterTrustBundles } from '../../kubernetes/resources.ts'
import type { Log } from '../../../acme/ports.ts'
import { publishConfigMap } from './chain-config-map.ts'
import { isOurs, managedBy } from './ownership.ts'

export const trustName = 'certctl-trust'

export interface TrustOptions {
  readonly client: KubernetesClient
  readonly log: Log
  readonly namespaces: readonly string[]
  /** Whether the cluster has, and is to get, a ClusterTrustBundle as well. */
  readonly clusterTrustBundle: boolean
}

/**
 * Publishes what clients must trust for the ACME listener: the ConfigMap `certctl-trust` with `ca.crt` in each of the
 * namespaces, and a ClusterTrustBundle of that name where it is wanted. What somebody else made is left alone, and the
 * log says so. Throws what the API server throws, other than a refusal.
 */
export async function publishTrust(
  { client, log, namespaces, clusterTrustBundle }: TrustOptions,
  caPem: string,
): Promise<void> {
  for (const namespace of namespaces) {
    const outcome = await publishConfigMap(client, { namespace, name: trustName, data: { 'ca.crt': caPem } }).catch(
      (error: unknown) => {
        if (isNotFound(error)) return 'absent' as const
        throw error
      },
    )
    if (outcome !== 'published') log.warn({ namespace, name: trustName, reason: outcome }, words[outcome])
  }
  if (clusterTrustBundle) await publishBundle(client, log, caPem)
}

const words = {
  'not-owned': 'the ConfigMap was not made by certctl and is left alone; remove or rename it',
  forbidden: 'the ConfigMap may not be written; give the service account get, create and update on configmaps there',
  absent: 'the namespace does not exist; make it, or correct CERTCTL_TRUST_NAMESPACES',
}

async function publishBundle(client: KubernetesClient, log: Log, caPem: string): Promise<void> {
  try {
    if (!(await client.serves(clusterTrustBundles))) {
      log.warn(
        { name: trustName },
        'the API server has no ClusterTrustBundle (certificates.k8s.io/v1beta1); set CERTCTL_CLUSTER_TRUST_BUNDLE=off',
      )
      return
    }
    await writeBundle(client, log, caPem)
  } catch (error) {
    if (isForbidden(error))
      log.warn({ name: trustName }, 'the ClusterTrustBundle may not be written; apply rbac/cluster-issuers.yaml')
    else if (!isAlreadyExists(error)) throw error
  }
}

async function writeBundle(client: KubernetesClient, log: Log, caPem: string): Promise<void> {
  const found = await client.get(clusterTrustBundles, { name: trustName })
  const spec = { trustBundle: caPem }
  if (found === undefined) {
    const bundle: ClusterTrustBundle = {
      apiVersion: 'certificates.k8s.io/v1beta1',
      kind: 'ClusterTrustBundle',
      metadata: { name: trustName, labels: managedBy },
      spec,
    }
    await client.create(clusterTrustBundles, bundle)
  } else if (!isOurs(found.metadata))
    log.warn({ name: trustName }, 'the ClusterTrustBundle was not made by certctl and is left alone')
  else if (found.spec.trustBundle !== caPem) await client.update(clusterTrustBundles, { ...found, spec })
}
