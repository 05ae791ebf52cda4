import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { ClusterCredentials } from './credentials.ts'

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** kubelet replaces the token long before it expires; nobody notices a minute. */
const oldestMs = 60_000

interface Mounted {
  readonly token: string
  readonly ca: string
  readonly readAt: number
}

/**
 * A pod's own credentials: the token and the CA that kubelet mounts and replaces. Both are read again when older than
 * 60 s or refused by the API server; if that fails, what was read before is used until it works again. `requestOptions`
 * rejects with the file system's error while there is nothing to use.
 */
export function inClusterCredentials(options: {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  host: string
  port: string
  clock: Clock
  folder?: string
}): ClusterCredentials {
  const { host, port, clock, folder = serviceAccountFolder } = options
  let mounted: Mounted | undefined
  let reading: Promise<Mounted> | undefined
  let wasRefused = false

  async function read(readAt: number): Promise<Mounted> {
    const [token, ca] = await Promise.all([
      readFile(join(folder, 'token'), 'utf8'),
      readFile(join(folder, 'ca.crt'), 'utf8'),
    ])
    return { token: token.trim(), ca, readAt }
  }

  /** Requests that begin while the files are being read wait for the same reading. */
  async function current(): Promise<Mounted> {
    const now = clock.now().getTime()
    if (mounted !== undefined && !wasRefused && Math.abs(now - mounted.readAt) <= oldestMs) return mounted
    try {
      wasRefused = false
      reading ??= read(now)
      mounted = await reading
    } catch (error) {
      if (mounted === undefined) throw error
    } finally {
      reading = undefined
    }
    return mounted
  }

  return {
    url: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    async requestOptions() {
      const { token, ca } = await current()
      return { ca, headers: { authorization: `Bearer ${token}` } }
    },
    refused() {
      wasRefused = true
    },
  }
}
