import type { KubernetesClient } from './kubernetes/client.ts'

/** Where the process runs: what declares its objects and keeps its keys. */
export type Place =
  | { readonly kind: 'standalone'; readonly manifestsFolder: string; readonly dataFolder: string }
  | {
      readonly kind: 'cluster'
      readonly client: KubernetesClient
      /** This process, unlike any other: in the Lease, in events and in the database. */
      readonly identity: string
    }
