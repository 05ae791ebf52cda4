import type { OutgoingHttpHeaders } from 'node:http'
import type { RequestOptions } from 'node:https'

/** TLS options, headers and, where there is a proxy, the agent for one request. */
export type CredentialOptions = Omit<RequestOptions, 'headers'> & { readonly headers?: OutgoingHttpHeaders }

/** How to reach and to convince an API server. */
export interface ClusterCredentials {
  /** The API server's URL, with the path under which its API starts, if any. */
  readonly url: string
  /** What one request needs. Asked for each, so that rotated files are noticed. */
  requestOptions(): Promise<CredentialOptions>
  /** The API server took what it was given for nobody's (401): what is kept of files is to be read again. */
  refused?(): void
}
