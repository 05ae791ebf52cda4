import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { addresses } from '../addresses.ts'
import type { ClusterCase } from '../cases.ts'
import type { Cluster } from '../cluster.ts'
import type { Installation } from '../installation.ts'
import { secretText } from '../issued.ts'
import { issuers, leases, profiles } from '../kinds.ts'
import { createProfile, isReady, selfSignedIssuer, trustProfile } from '../objects.ts'
import { Relay } from '../relay.ts'
import type { Replica } from '../replica.ts'
import { until } from '../wait.ts'

const takeoverSeconds = 20

/** Processes of the operator that end, stop or come late. */
export const replicaCases: readonly ClusterCase[] = [
  {
    name: 'a paused leader is replaced within 20 s, and what it writes late is refused',
    on: 'small',
    seconds: 120,
    async run({ cluster, note }) {
      await using pair = await cluster.install({ namespace: 'pair', rights: 'namespaced' })
      await using relay = await Relay.open({ address: addresses.relay, port: 5432, target: socketOf(pair.databaseUrl) })
      // Only this replica reaches its database through the relay, and it is the first, so it leads.
      const slow = await pair.start({ settings: { CERTCTL_DATABASE_URL: throughRelay(pair.databaseUrl) } })
      await slow.ready()
      assert.equal(await pair.leader(), slow)
      const where = { kind: profiles, name: 'contested', namespace: pair.namespace }
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'contested', namespace: pair.namespace }),
        trustProfile(where, 'contested', { validity: { default: '1h' } }),
      )
      const standby = await pair.start()
      await standby.ready()

      relay.holdAnswersTo('contested')
      await cluster.api.patch(profiles, where, { spec: { validity: { default: '2h' } } })
      await until({ what: 'the leader to have begun with the change', seconds: 10 }, async () =>
        relay.isHolding ? true : undefined,
      )
      slow.pause()
      const paused = performance.now()
      assert.equal(await pair.leader(takeoverSeconds + 5, standby), standby)
      const seconds = (performance.now() - paused) / 1000
      note(`taken over after ${seconds.toFixed(1)} s`)
      assert.ok(seconds <= takeoverSeconds, `the Lease was taken over after ${seconds} s`)

      await cluster.api.patch(profiles, where, { spec: { validity: { default: '3h' } } })
      const settled = await isReady(cluster, where)
      const before = await revisionsOf(pair, 'contested')
      // It wakes in the midst of a reconcile, with an answer that it waits for, before any timer tells it what time it is.
      relay.release()
      slow.resume()
      await until({ what: 'its late write to be refused', seconds: 20 }, async () =>
        ((await slow.metric('certctl_fenced_writes_total')).get('') ?? 0) > 0 ? true : undefined,
      )
      await until({ what: 'the old leader to lead no more', seconds: 30 }, async () =>
        (await slow.metric('certctl_leader')).get('') === 0 ? true : undefined,
      )
      assert.deepEqual(await revisionsOf(pair, 'contested'), before, 'the old leader has written a revision')
      assert.equal(before.at(-1)?.validitySeconds, 3 * 3600)
      assert.equal(await pair.leader(), standby)
      const after = await isReady(cluster, where)
      assert.equal(after.status?.revision, settled.status?.revision)
    },
  },
  {
    name: 'a leader that is killed or stopped is replaced, and one that is stopped gives the Lease back at once',
    on: 'small',
    seconds: 90,
    async run({ cluster, note }) {
      await using pair = await cluster.install({ namespace: 'heirs', rights: 'namespaced' })
      await pair.startReady(2)
      const first = await pair.leader()
      const begun = performance.now()
      await first.stop()
      const second = await pair.leader(takeoverSeconds)
      note(`given back in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
      const third = await pair.start()
      await third.ready()
      await second.kill()
      const killed = performance.now()
      assert.equal(await pair.leader(takeoverSeconds + 5), third)
      const seconds = (performance.now() - killed) / 1000
      note(`taken over in ${seconds.toFixed(1)} s`)
      assert.ok(seconds <= takeoverSeconds, `taken over after ${seconds} s`)
      const lease = await cluster.api.get(leases, 'certctl-operator', pair.namespace)
      assert.ok((lease?.spec.leaseTransitions ?? 0) >= 2)
    },
  },
  {
    name: 'an operator that is killed in the midst of reconciling leaves one key for each Issuer and nothing undone',
    on: 'small',
    seconds: 120,
    async run({ cluster, note }) {
      await using victim = await cluster.install({ namespace: 'victim', rights: 'namespaced' })
      const { namespace } = victim
      let replica = await startLone(victim)
      const names = Array.from({ length: 40 }, (_, index) => `victim-${index}`)
      // Each kill comes a little later into the work than the one before.
      const delays = [0, 150, 400, 900]
      for (const [round, delay] of delays.entries()) {
        const share = names.slice(round * 10, round * 10 + 10)
        await Promise.all(share.map((name) => createBoth(cluster, { name, namespace })))
        await sleep(delay)
        await replica.kill()
        replica = await startLone(victim)
      }
      for (const name of names) await isReady(cluster, { kind: profiles, name, namespace }, 60)
      const { rows } = await victim.database.query<{ name: string; certificates: string }>(
        `select i.name, count(c.id) as certificates
         from issuers i left join issuer_certificates c on c.issuer_id = i.id group by i.id, i.name`,
      )
      assert.equal(rows.length, names.length)
      assert.deepEqual(
        rows.filter(({ certificates }) => certificates !== '1'),
        [],
      )
      for (const name of names.slice(0, 3)) await secretText(cluster, { name: `${name}-ca`, namespace }, 'tls.key')
      note(`${delays.length} kills`)
      await replica.stop()
    },
  },
]

async function startLone(installation: Installation): Promise<Replica> {
  const replica = await installation.start()
  await replica.ready()
  return replica
}

async function createBoth(cluster: Cluster, where: { name: string; namespace: string }): Promise<void> {
  await cluster.api.create(issuers, selfSignedIssuer(where))
  await cluster.api.create(profiles, trustProfile(where, where.name))
}

function socketOf(databaseUrl: string): string {
  return `${decodeURIComponent(/@([^/]+)\//.exec(databaseUrl)?.[1] ?? '')}/.s.PGSQL.5432`
}

function throughRelay(databaseUrl: string): string {
  return databaseUrl.replace(/@[^/]*\//, `@${addresses.relay}:5432/`)
}

/** The revisions of a profile in the order they came, by the validity they give. */
async function revisionsOf(
  { database }: Installation,
  name: string,
): Promise<readonly { revision: number; validitySeconds: number }[]> {
  const { rows } = await database.query<{ revision: number; policy: { validity: { defaultSeconds: number } } }>(
    `select r.revision, r.policy from profile_revisions r join profiles p on p.id = r.profile_uuid
     where p.name = $1 order by r.revision`,
    [name],
  )
  return rows.map(({ revision, policy }) => ({ revision, validitySeconds: policy.validity.defaultSeconds }))
}
