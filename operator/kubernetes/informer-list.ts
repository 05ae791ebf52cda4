import { AnswerTooLarge, isGone } from './api-error.ts'
import type { KubernetesClient } from './client.ts'
import type { KubernetesObject, Stored } from './objects.ts'
import type { Resource } from './resources.ts'

const pageSize = 500
/** For objects that are so large that a page of the usual size can't be read: an object is 1.5 MB at most. */
const smallPageSize = 25
/** After so many the API server is asked for everything at once, which can't expire half way. */
const pagedAttempts = 2

interface ListedAll<T extends KubernetesObject> {
  readonly items: readonly Stored<T>[]
  readonly resourceVersion: string
}

interface ListAllOptions<T extends KubernetesObject> {
  readonly namespace: string | undefined
  readonly labelSelector: string | undefined
  readonly signal: AbortSignal
  /** Called for every page that came. */
  readonly onPage: () => void
  /** What is kept of an object; called as the pages come, so that the rest needn't be held until the last. */
  readonly keep: (object: Stored<T>) => Stored<T>
}

/**
 * All objects of one version, in pages. Begins again where the version expires between two pages, and with small pages
 * where one is too large; throws as `list` does.
 */
export async function listAll<T extends KubernetesObject>(
  client: Pick<KubernetesClient, 'list'>,
  resource: Resource<T>,
  options: ListAllOptions<T>,
): Promise<ListedAll<T>> {
  let limit = pageSize
  for (let attempt = 1; attempt <= pagedAttempts;) {
    try {
      return await listPages(client, resource, { ...options, limit })
    } catch (error) {
      if (error instanceof AnswerTooLarge && limit > smallPageSize) limit = smallPageSize
      else if (isGone(error)) attempt += 1
      else throw error
    }
  }
  return listPages(client, resource, { ...options, limit: undefined })
}

async function listPages<T extends KubernetesObject>(
  client: Pick<KubernetesClient, 'list'>,
  resource: Resource<T>,
  options: ListAllOptions<T> & { readonly limit: number | undefined },
): Promise<ListedAll<T>> {
  const { onPage, keep, ...asked } = options
  const items: Stored<T>[] = []
  let continueToken: string | undefined
  for (;;) {
    const page = await client.list(resource, { ...asked, continueToken })
    onPage()
    for (const item of page.items) items.push(keep(item))
    continueToken = page.continueToken
    if (continueToken === undefined) return { items, resourceVersion: page.resourceVersion }
  }
}
