import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyChain } from '../harness/openssl.ts'
import type { Cluster } from './cluster.ts'
import { configMaps, secrets } from './kinds.ts'
import type { Place } from './objects.ts'
import { until } from './wait.ts'

/** The root of an Issuer, as the operator publishes it. */
export async function publishedRoot({ api }: Pick<Cluster, 'api'>, issuer: Place): Promise<string> {
  const name = `${issuer.name}-ca-chain`
  return until({ what: `ConfigMap ${name}`, seconds: 20 }, async () => {
    return (await api.get(configMaps, name, issuer.namespace))?.data?.['ca.crt']
  })
}

/** The text of an entry of a Secret. */
export async function secretText({ api }: Pick<Cluster, 'api'>, secret: Place, key: string): Promise<string> {
  const value = (await api.get(secrets, secret.name, secret.namespace))?.data?.[key]
  if (value === undefined) throw new Error(`Secret ${secret.namespace}/${secret.name} has no ${key}`)
  return Buffer.from(value, 'base64').toString()
}

/** Fails unless OpenSSL accepts what the Secret holds, for exactly these names, up to the root of the Issuer. */
export async function verifySecret(
  cluster: Pick<Cluster, 'api'>,
  { secret, issuer, names }: { readonly secret: Place; readonly issuer: Place; readonly names: readonly string[] },
): Promise<void> {
  const chain = await secretText(cluster, secret, 'tls.crt')
  await verifyUpTo(await publishedRoot(cluster, issuer), chain, names)
}

/** Fails unless OpenSSL accepts the chain for exactly these names, up to the root. */
export async function verifyUpTo(rootPem: string, chainPem: string, names: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'root-'))
  try {
    const rootFile = join(folder, 'root.pem')
    await writeFile(rootFile, rootPem)
    await verifyChain(chainPem, names, rootFile)
  } finally {
    await rm(folder, { recursive: true })
  }
}
