import { isAlreadyExists, isConflict } from './kubernetes/api-error.ts'
import type { KubernetesClient } from './kubernetes/client.ts'
import type { Secret, Stored } from './kubernetes/objects.ts'
import { secrets } from './kubernetes/resources.ts'
import type { ListenerCa } from './tls-ca.ts'
import type { ServingCertificate } from './tls-leaf.ts'
import type { ListenerStore } from './tls-store.ts'

/** The keys of the Secret's data. */
const dataKeys = { bundlePem: 'ca.crt', keyPem: 'ca.key', nextKeyPem: 'ca-next.key' } as const
const members = ['bundlePem', 'keyPem', 'nextKeyPem'] as const

/**
 * Keeps the listener's CA in a Secret that all replicas share, and each replica's leaf in its own memory: clients trust
 * the CA and never the leaf, so replicas with other external URLs have nothing to agree on, and the Secret changes
 * only with its CA. A Secret that is deleted while a replica runs is put back as it was; to replace the CA at once,
 * take `ca.key` out of the Secret. Throws what the client throws.
 */
export function secretListenerStore(options: {
  client: Pick<KubernetesClient, 'get' | 'create' | 'update'>
  namespace: string
  name: string
}): ListenerStore {
  const { client, namespace, name } = options
  /** The objects that were read, for the version that a change of them presumes. */
  const readFrom = new WeakMap<ListenerCa, Stored<Secret>>()
  let known: ListenerCa | undefined
  let leaf: ServingCertificate | undefined

  async function find(): Promise<Stored<Secret> | undefined> {
    const secret = await client.get(secrets, { namespace, name })
    if (secret !== undefined || known === undefined) return secret
    return (await create(known)) ?? client.get(secrets, { namespace, name })
  }

  function create(ca: ListenerCa): Promise<Stored<Secret> | undefined> {
    const metadata = { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'certctl' } }
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data: encode(ca) }
    return unlessLost(client.create<Secret>(secrets, secret))
  }

  return {
    async readCa() {
      const secret = await find()
      if (secret === undefined) return {}
      const ca = decode(secret)
      readFrom.set(ca, secret)
      known = ca
      return ca
    },
    async replaceCa(read, next) {
      const secret = readFrom.get(read)
      const written =
        secret === undefined
          ? await create(next)
          : await unlessLost(
              client.update<Secret>(secrets, { ...secret, data: { ...othersIn(secret), ...encode(next) } }),
            )
      if (written === undefined) return false
      known = next
      return true
    },
    readLeaf: () => Promise.resolve(leaf),
    keepLeaf(made) {
      leaf = made
      return Promise.resolve()
    },
  }
}

/** Undefined where another replica was first. */
async function unlessLost(written: Promise<Stored<Secret>>): Promise<Stored<Secret> | undefined> {
  try {
    return await written
  } catch (error) {
    if (isAlreadyExists(error) || isConflict(error)) return undefined
    throw error
  }
}

function encode(ca: ListenerCa): Record<string, string> {
  const entries = members.map((member) => [dataKeys[member], ca[member]] as const)
  return Object.fromEntries(
    entries.flatMap(([key, pem]) => (pem === undefined ? [] : [[key, Buffer.from(pem).toString('base64')]])),
  )
}

/** A key without a value counts as absent. */
function decode({ data }: Secret): ListenerCa {
  const entries = members.map((member) => [member, data?.[dataKeys[member]] ?? ''] as const)
  return Object.fromEntries(
    entries.flatMap(([member, base64]) =>
      base64 === '' ? [] : [[member, Buffer.from(base64, 'base64').toString('utf8')]],
    ),
  )
}

/** What somebody else keeps in the Secret beside the CA. */
function othersIn({ data = {} }: Secret): Record<string, string> {
  const ours: readonly string[] = Object.values(dataKeys)
  return Object.fromEntries(Object.entries(data).filter(([key]) => !ours.includes(key)))
}
