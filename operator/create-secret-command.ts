import { randomBytes } from 'node:crypto'
import { connectCluster } from './cluster-place.ts'
import { readConfig, SettingsError } from './config.ts'
import { ApiServerUnreachable, isAlreadyExists, KubernetesApiError } from './kubernetes/api-error.ts'
import type { KubernetesClient } from './kubernetes/client.ts'
import type { Secret } from './kubernetes/objects.ts'
import { secrets } from './kubernetes/resources.ts'
import { StartRefused } from './plane.ts'

const secretOctets = 32

/**
 * `certctl create-secret`: makes a Secret with a random value, in hex, under each of the keys, in the operator's own
 * namespace; one that exists is never changed. 1 where it exists and lacks a key, or where this is no cluster.
 */
export async function createSecret(
  name: string,
  keys: readonly string[],
  kubeconfig: string | undefined,
): Promise<0 | 1> {
  try {
    const { config } = readConfig()
    const place = await connectCluster(config, kubeconfig)
    if (place.kind !== 'cluster') return 1
    const words = await ensureSecret(place.client, { namespace: config.namespace, name, keys })
    process.stdout.write(`${words}\n`)
    return 0
  } catch (error) {
    if (!isForPeople(error)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

function isForPeople(error: unknown): error is Error {
  const kinds = [StartRefused, SettingsError, KubernetesApiError, ApiServerUnreachable]
  return kinds.some((kind) => error instanceof kind)
}

async function ensureSecret(
  client: KubernetesClient,
  { namespace, name, keys }: { namespace: string; name: string; keys: readonly string[] },
): Promise<string> {
  const title = `Secret ${namespace}/${name}`
  const random = (): string => Buffer.from(randomBytes(secretOctets).toString('hex')).toString('base64')
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'certctl' } },
    data: Object.fromEntries(keys.map((key) => [key, random()])),
  }
  try {
    await client.create(secrets, secret)
    return `${title} made`
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  const found = await client.get(secrets, { namespace, name })
  // Whoever runs this again finds it gone, and makes it.
  if (found === undefined || found.metadata.deletionTimestamp !== undefined)
    throw new StartRefused(`${title} is being deleted; try again when it is gone`)
  const missing = keys.filter((key) => (found.data?.[key] ?? '') === '')
  if (missing.length === 0) return `${title} exists and stays as it is`
  throw new StartRefused(`${title} exists without a value for ${missing.join(', ')}; add it, or name another Secret`)
}
