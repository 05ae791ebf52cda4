import { ApiError, type ApiClient } from './api-client.ts'
import type { Kind, KubeObject } from './kinds.ts'

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[]
}

/** Kinds by `apiVersion kind`, as the API server serves them; undefined where it does not. */
export class Discovery {
  readonly #api: ApiClient
  readonly #lists = new Map<string, Promise<ResourceList>>()

  constructor(api: ApiClient) {
    this.#api = api
  }

  /** The kind of an object; undefined where the API server does not have it. */
  async find({ apiVersion, kind }: { apiVersion: string; kind: string }): Promise<Kind<KubeObject> | undefined> {
    const list = this.#lists.get(apiVersion) ?? this.#ask(apiVersion)
    this.#lists.set(apiVersion, list)
    // Subresources are of the kind too.
    const found = (await list).resources.find((each) => each.kind === kind && !each.name.includes('/'))
    if (found === undefined) return undefined
    const [version = '', group = ''] = apiVersion.split('/').toReversed()
    return { group, version, plural: found.name, kind, namespaced: found.namespaced }
  }

  async #ask(apiVersion: string): Promise<ResourceList> {
    try {
      const root = apiVersion.includes('/') ? '/apis' : '/api'
      return (await this.#api.request(`${root}/${apiVersion}`)) as ResourceList
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return { resources: [] }
      throw error
    }
  }
}
