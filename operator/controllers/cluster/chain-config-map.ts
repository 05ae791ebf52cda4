import { isDeepStrictEqual } from 'node:util'
import type { IssuingCa } from '../../../ca/index.ts'
import { isAlreadyExists, isForbidden } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap, CustomResource, OwnerReference, Stored } from '../../kubernetes/objects.ts'
import { configMaps } from '../../kubernetes/resources.ts'
import type { Condition, IssuerReason } from '../conditions.ts'
import { isOurs, managedBy } from './ownership.ts'

/** Where a chain is published, and what stands in the way of it. */
export interface PublishedChain {
  readonly name: string
  readonly warning?: Condition<IssuerReason>
}

/**
 * Publishes a CA's certificates, which are no secret, in the ConfigMap `<issuer>-ca-chain` beside the Issuer: `ca.crt`
 * is the root to trust and `chain.pem` what leads to it. The ConfigMap goes with the Issuer.
 */
export async function publishChain(
  client: KubernetesClient,
  issuer: Stored<CustomResource>,
  { certificate, chainPem, rootPem }: IssuingCa,
): Promise<PublishedChain> {
  const { namespace = '', name: issuerName, uid } = issuer.metadata
  const name = `${issuerName}-ca-chain`
  const owner = { apiVersion: issuer.apiVersion, kind: issuer.kind, name: issuerName, uid, controller: true }
  const data = { 'ca.crt': rootPem, 'chain.pem': chainPem === '' ? certificate.pem : chainPem }
  const outcome = await publishConfigMap(client, { namespace, name, data, owner })
  if (outcome === 'published') return { name }
  const message =
    outcome === 'not-owned'
      ? `ConfigMap ${namespace}/${name} was not made by certctl and is left alone; remove or rename it`
      : `the operator may not write ConfigMap ${namespace}/${name}; give its service account get, create and update on configmaps there`
  return { name, warning: { type: 'Warning', status: 'True', reason: 'ConfigMapNotOwned', message } }
}

export interface PublishedMap {
  readonly namespace: string
  readonly name: string
  readonly data: Readonly<Record<string, string>>
  readonly owner?: OwnerReference
}

/** Makes a ConfigMap hold exactly this, unless somebody else made it. Throws what the API server throws otherwise. */
export async function publishConfigMap(
  client: KubernetesClient,
  wanted: PublishedMap,
): Promise<'published' | 'not-owned' | 'forbidden'> {
  try {
    return await tryToPublish(client, wanted)
  } catch (error) {
    if (isForbidden(error)) return 'forbidden'
    throw error
  }
}

async function tryToPublish(
  client: KubernetesClient,
  { namespace, name, data, owner }: PublishedMap,
): Promise<'published' | 'not-owned'> {
  const ownerReferences = owner === undefined ? [] : [owner]
  const metadata = { namespace, name, labels: managedBy, ...(owner && { ownerReferences }) }
  const wanted: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
  const found = await client.get(configMaps, { namespace, name })
  if (found === undefined) return createMap(client, wanted)
  if (!isOurs(found.metadata)) return 'not-owned'
  const isCurrent =
    isDeepStrictEqual(found.data, data) && isDeepStrictEqual(found.metadata.ownerReferences ?? [], ownerReferences)
  if (isCurrent) return 'published'
  await client.update(configMaps, {
    ...found,
    metadata: { ...found.metadata, ...(owner && { ownerReferences }) },
    data,
  })
  return 'published'
}

/** Lost to somebody else at the last moment: the next round sees whose it is. */
async function createMap(client: KubernetesClient, wanted: ConfigMap): Promise<'published' | 'not-owned'> {
  try {
    await client.create(configMaps, wanted)
    return 'published'
  } catch (error) {
    if (isAlreadyExists(error)) return 'not-owned'
    throw error
  }
}
