import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { createKubernetesClient } from './kubernetes/client.ts'
import type { ClusterCredentials } from './kubernetes/credentials.ts'
import { inClusterCredentials } from './kubernetes/in-cluster.ts'
import { systemTimers } from './kubernetes/timers.ts'
import type { Place } from './place.ts'
import { StartRefused } from './plane.ts'

/** Where the API server is and who this process is there. Throws StartRefused outside of a cluster. */
export async function connectCluster(config: Config, kubeconfig: string | undefined): Promise<Place> {
  const credentials = await findCredentials(config, kubeconfig)
  const client = createKubernetesClient({ credentials, timers: systemTimers, userAgent: 'certctl' })
  // A container that was started again is another process, whatever its pod is called.
  const identity = `${config.podName ?? hostname()}_${randomBytes(4).toString('hex')}`
  return { kind: 'cluster', client, identity }
}

async function findCredentials(config: Config, kubeconfig: string | undefined): Promise<ClusterCredentials> {
  if (kubeconfig !== undefined) {
    const { kubeconfigCredentials } = await import('./kubernetes/kubeconfig.ts')
    return kubeconfigCredentials(kubeconfig).catch((cause: unknown) => {
      const words = cause instanceof Error ? cause.message : String(cause)
      throw new StartRefused(`--kubeconfig ${kubeconfig} can not be used: ${words}`, { cause })
    })
  }
  if (config.apiServer === undefined) {
    throw new StartRefused(
      'this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set); use --manifests DIR --data DIR to run without Kubernetes, or --kubeconfig FILE',
    )
  }
  return inClusterCredentials({ ...config.apiServer, clock: systemClock })
}
