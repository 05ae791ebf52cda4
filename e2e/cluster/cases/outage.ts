import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterCase } from '../cases.ts'
import { zone } from '../stage.ts'
import { publishedRoot, verifyUpTo } from '../issued.ts'
import { profiles } from '../kinds.ts'
import { createProfile, isReady, reaches, selfSignedIssuer, trustProfile } from '../objects.ts'
import { order, registerAccount } from '../plain-acme.ts'

const outageSeconds = 60
const recoverySeconds = 45

/** The API server goes away. */
export const outageCases: readonly ClusterCase[] = [
  {
    name: 'certificates go on being issued while the API server is down for 60 s, and then changes are seen again',
    on: 'shaky',
    seconds: 180,
    async run({ cluster, namespace, note }) {
      const main = await cluster.main()
      const where = { kind: profiles, name: 'outage', namespace }
      const issuer = { name: 'outage', namespace }
      const profile = await createProfile(cluster, selfSignedIssuer(issuer), trustProfile(where, 'outage'))
      const root = await publishedRoot(cluster, issuer)
      const client = await registerAccount(profile.status?.acme?.directoryURL ?? '', await main.trustedCa())
      const names = [`outage.${zone}`]
      await cluster.plane.killApiServer()
      const end = performance.now() + outageSeconds * 1000
      let issued = 0
      while (performance.now() < end) {
        await verifyUpTo(root, await order(client, names), names)
        issued += 1
        await main.endpoints(2)
        await sleep(1000)
      }
      client.close()
      await cluster.plane.startApiServer()
      const begun = performance.now()
      await cluster.api.patch(profiles, where, { spec: { validity: { default: '5h' } } })
      const after = await isReady(cluster, where, recoverySeconds)
      assert.equal(after.status?.revision, (profile.status?.revision ?? 0) + 1)
      note(`${issued} issued meanwhile; a change was served ${((performance.now() - begun) / 1000).toFixed(1)} s after`)
    },
  },
  {
    name: 'a change that was made and compacted away while nobody watched is seen',
    on: 'shaky',
    seconds: 120,
    async run({ cluster, namespace, note }) {
      const main = await cluster.main()
      const where = { kind: profiles, name: 'compacted', namespace }
      const profile = await createProfile(
        cluster,
        selfSignedIssuer({ name: 'compacted', namespace }),
        trustProfile(where, 'compacted'),
      )
      const leader = await main.leader()
      const restartsBefore = await restartsOf(leader)
      leader.pause()
      await cluster.api.patch(profiles, where, { spec: { suspend: true } })
      await cluster.plane.compact()
      await cluster.plane.killApiServer()
      await cluster.plane.startApiServer()
      leader.resume()
      const after = await reaches(cluster, where, { type: 'Ready', status: 'False', reason: 'Suspended', seconds: 60 })
      assert.equal(after.metadata.generation, (profile.metadata.generation ?? 0) + 1)
      note(`watches begun anew: ${(await restartsOf(leader)) - restartsBefore}`)
      await main.endpoints(2)
    },
  },
]

async function restartsOf(replica: { metric(name: string): Promise<ReadonlyMap<string, number>> }): Promise<number> {
  const counts = await replica.metric('certctl_watch_restarts_total')
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
