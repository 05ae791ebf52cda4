import assert from 'node:assert/strict'
import { AcmeClient } from '../../../acme/testing/acme-client.ts'
import { createTransport } from '../../../acme/testing/http.ts'
import { publishedRoot, verifyUpTo } from '../../cluster/issued.ts'
import {
  configMaps,
  customResourceDefinitions,
  issuers,
  profiles,
  secrets,
  services,
  type Kind,
  type KubeObject,
} from '../../cluster/kinds.ts'
import { finish, order, registerAccount } from '../../cluster/plain-acme.ts'
import { until } from '../../cluster/wait.ts'
import type { InstallCase } from '../cases.ts'
import { deployments, disruptionBudgets, runningPods, statefulSets, volumeClaims } from '../kinds.ts'
import { mainReplicas, mainValues } from '../main-release.ts'
import { sampleDomain, type Release } from '../release.ts'

/** What the chart's README promises to keep. */
const kept: readonly (readonly [Kind<KubeObject>, string])[] = [
  [customResourceDefinitions, 'issuers.certctl.io'],
  [customResourceDefinitions, 'certificateprofiles.certctl.io'],
  [issuers, 'sample-ca'],
  [profiles, 'trusted'],
  [profiles, 'challenge'],
  [volumeClaims, 'data-certctl-postgresql-0'],
  [secrets, 'certctl-postgresql'],
  [secrets, 'certctl-listener'],
  [secrets, 'sample-ca-ca'],
  [configMaps, 'certctl-trust'],
  [configMaps, 'sample-ca-ca-chain'],
]

const gone = 'is gone'

/** What is gone. */
const removed: readonly (readonly [Kind<KubeObject>, string])[] = [
  [deployments, 'certctl'],
  [statefulSets, 'certctl-postgresql'],
  [services, 'certctl'],
  [disruptionBudgets, 'certctl'],
]

export const uninstallCases: readonly InstallCase[] = [
  {
    name: 'helm uninstall keeps definitions, resources, keys and data, and an installation after it goes on with them',
    seconds: 300,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      await release.settled(mainReplicas)
      const { directoryUrl, rootPem } = await release.target()
      const client = await registerAccount(directoryUrl, rootPem)
      const names = [`before.${sampleDomain}`]
      const { location } = await client.newOrder(names)
      const chain = await finish(client, location, names)
      const issuer = { name: 'sample-ca', namespace: release.namespace }
      const root = await publishedRoot(ground, issuer)
      const before = await identitiesOf(release)
      const absent = Object.entries(before).filter(([, identity]) => identity === undefined || identity === gone)
      assert.deepEqual(absent, [])

      await release.uninstall()
      assert.deepEqual(await identitiesOf(release), before)
      for (const [kind, name] of removed) {
        assert.equal(
          await ground.api.get(kind, name, release.namespace),
          undefined,
          `${kind.kind} ${name} is still there`,
        )
      }
      // Pods have their grace period; helm waits for what owns them.
      await until({ what: 'the last pod to end', seconds: 60 }, async () => {
        const left = await ground.api.list(runningPods, release.namespace)
        return left.length === 0 ? true : undefined
      })

      const begun = performance.now()
      await release.install(mainValues(ground))
      const after = await release.target()
      note(`installed again in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
      assert.deepEqual(await identitiesOf(release), before)
      assert.equal(after.rootPem, rootPem)
      assert.equal(await publishedRoot(ground, issuer), root)

      // A client of before finds its account and its certificate, and gets another.
      const again = await AcmeClient.connect({
        directoryUrl,
        key: client.key,
        transport: createTransport({ rootPem }),
        badNonceRetries: 3,
      })
      await again.newAccount({ onlyReturnExisting: true })
      assert.equal(again.accountUrl, client.accountUrl)
      const { body: old } = await again.order(location)
      assert.equal((await again.certificate(old.certificate ?? '')).body, chain)
      const newNames = [`after.${sampleDomain}`]
      await verifyUpTo(root, await order(again, newNames), newNames)
    },
  },
]

/** Which objects there are of those that are kept, and what is secret in them. */
async function identitiesOf({ ground, namespace }: Release): Promise<object> {
  const identities = kept.map(async ([kind, name]) => {
    const object = await ground.api.get(kind, name, namespace)
    return [`${kind.kind} ${name}`, object?.metadata.uid ?? gone] as const
  })
  const data = ['certctl-postgresql', 'certctl-listener', 'sample-ca-ca'].map(async (name) => {
    return [name, (await ground.api.get(secrets, name, namespace))?.data] as const
  })
  return Object.fromEntries([...(await Promise.all(identities)), ...(await Promise.all(data))])
}
