import type { RequestOptions } from 'node:https'
import type { ClusterCredentials } from './credentials.ts'

/**
 * The current context of a kubeconfig file, with whatever way to authenticate it names. Throws an Error that says what
 * is wrong with the file.
 */
export async function kubeconfigCredentials(file: string): Promise<ClusterCredentials> {
  // Loaded only here: the package takes 85 MB of memory, which a pod with its own credentials need not pay.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
  } catch (error) {
    throw new Error(`kubeconfig ${file} can't be read: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    })
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error(`kubeconfig ${file} has no current context with a cluster`)
  const hasProxy = cluster.proxyUrl !== undefined

  return {
    url: cluster.server,
    async requestOptions() {
      const options: RequestOptions = { headers: {} }
      await config.applyToHTTPSOptions(options)
      const { headers, agent, ...rest } = options
      // Its agent keeps no connections and is made once, with the CA of that moment; only a way through a proxy needs it.
      return { ...rest, ...(hasProxy && agent !== undefined ? { agent } : {}), headers: plainHeaders(headers) }
    },
  }
}

function plainHeaders(headers: RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]))
}
