import { isDeepStrictEqual } from 'node:util'
import { isAlreadyExists, isConflict, isForbidden, KubernetesApiError } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { ConfigMap, OwnerReference } from '../../kubernetes/objects.ts'
import { configMaps } from '../../kubernetes/resources.ts'
import { isOurs, managedBy } from './ownership.ts'

/** What a ConfigMap of ours is to hold. */
export interface PublishedMap {
  readonly namespace: string
  readonly name: string
  readonly data: Readonly<Record<string, string>>
  readonly owner?: OwnerReference
  /** One that lacks these was made by another operator. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** What became of it; `refused` is the API server's word, and what to do where it is a matter of rights. */
export type PublishOutcome = 'published' | 'not-owned' | { readonly refused: string }

/**
 * Makes a ConfigMap hold exactly this, unless somebody else made it. Throws only where the API server is away or
 * somebody else wrote at the same time.
 */
export async function publishConfigMap(client: KubernetesClient, wanted: PublishedMap): Promise<PublishOutcome> {
  try {
    return await tryToPublish(client, wanted)
  } catch (error) {
    if (!(error instanceof KubernetesApiError) || isConflict(error)) throw error
    const remedy = isForbidden(error) ? '; give the service account get, create and update on configmaps there' : ''
    return { refused: `${error.message}${remedy}` }
  }
}

async function tryToPublish(
  client: KubernetesClient,
  { namespace, name, data, owner, annotations = {} }: PublishedMap,
): Promise<'published' | 'not-owned'> {
  const ownerReferences = owner === undefined ? [] : [owner]
  const metadata = { namespace, name, labels: managedBy, annotations, ...(owner && { ownerReferences }) }
  const wanted: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
  const found = await client.get(configMaps, { namespace, name })
  if (found === undefined) return createMap(client, wanted)
  if (!isOurs(found.metadata, annotations)) return 'not-owned'
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
