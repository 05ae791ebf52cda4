import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { ApiClient, ApiError } from '../api-client.ts'
import type { ClusterCase } from '../cases.ts'
import type { Cluster } from '../cluster.ts'
import { serviceAccount } from '../installation.ts'
import { leases, profiles, secrets } from '../kinds.ts'
import { createProfile, isReady, selfSignedIssuer, trustProfile } from '../objects.ts'
import { until } from '../wait.ts'

/** How the operator shows the API server who it is. */
export const credentialCases: readonly ClusterCase[] = [
  {
    name: 'a token that was replaced in its file is noticed when the old one is good no more',
    on: 'small',
    seconds: 150,
    async run({ cluster, note }) {
      await using rotated = await cluster.install({ namespace: 'rotated', rights: 'namespaced' })
      const { namespace } = rotated
      const [first, second] = [await boundToken(cluster, namespace, 'one'), await boundToken(cluster, namespace, 'two')]
      const replica = await rotated.start({ token: first })
      await replica.ready()
      const where = { kind: profiles, name: 'rotated', namespace }
      await createProfile(cluster, selfSignedIssuer({ name: 'rotated', namespace }), trustProfile(where, 'rotated'))
      await writeFile(replica.tokenFile, second)
      await cluster.api.delete(secrets, 'one', namespace)
      await isRefused(cluster, first, namespace)
      const begun = performance.now()
      await cluster.api.patch(profiles, where, { spec: { validity: { default: '7h' } } })
      await isReady(cluster, where, 90)
      note(`a change was seen ${((performance.now() - begun) / 1000).toFixed(1)} s later`)
    },
  },
  {
    name: 'an operator outside of the cluster works with a kubeconfig file',
    on: 'small',
    async run({ cluster }) {
      await using outside = await cluster.install({ namespace: 'outside', rights: 'namespaced' })
      const replica = await outside.start({ usesKubeconfig: true })
      await replica.ready()
      const where = { kind: profiles, name: 'outside', namespace: 'outside' }
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'outside', namespace: 'outside' }),
        trustProfile(where, 'outside'),
      )
      assert.equal(await outside.leader(), replica)
    },
  },
]

/** A token that ends with a Secret. */
async function boundToken({ api }: Cluster, namespace: string, name: string): Promise<string> {
  const { metadata } = await api.create(secrets, { metadata: { name, namespace } })
  return api.token(serviceAccount, namespace, { name, uid: metadata.uid ?? '' })
}

/** The API server remembers a good token for some seconds. */
async function isRefused({ plane }: Cluster, token: string, namespace: string): Promise<void> {
  const api = new ApiClient(plane.credentials({ token }))
  await until({ what: 'the old token to be refused', seconds: 30 }, async () => {
    try {
      await api.get(leases, 'certctl-operator', namespace)
      return undefined
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return true
      throw error
    }
  })
  api.close()
}
