import type { RequestOptions } from 'node:https'

/** How to reach and to convince an API server. */
export interface ClusterCredentials {
  /** The API server's URL, with the path under which its API starts, if any. */
  readonly url: string
  /** TLS options and headers for one request, read anew for each so that rotated files are noticed. */
  requestOptions(): Promise<RequestOptions>
}
