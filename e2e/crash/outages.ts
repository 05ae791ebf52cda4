import { setTimeout as sleep } from 'node:timers/promises'
import { underLoad } from './load.ts'
import type { Cluster } from './postgres.ts'
import { replenish } from './random-kills.ts'
import type { Replica } from './replica.ts'
import { databaseFate } from './tally.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** How long Postgres stays away: not at all, and long enough for /ready, which remembers an answer for a second. */
const outages = [0, 4_000, 0, 6_000]
const readyLimitMilliseconds = 20_000

/**
 * Postgres crashes under load and comes back. Meanwhile certctl says 503 and when to come back, which the clients
 * insist on; afterwards the same processes go on.
 */
export async function crashDatabase(world: World, cluster: Cluster): Promise<void> {
  await replenish(world, 3)
  const replicas = world.fleet.open()
  const customers = await world.customers(['http', 'trust', 'http', 'trust', 'http', 'trust'])
  const receipts = await underLoad(world, customers, async () => {
    for (const outage of outages) {
      await sleep(world.random.integer(700, 1_500))
      const seconds = await crashOnce(cluster, replicas, outage)
      world.tally.kill(databaseFate)
      console.log(
        `      ${databaseFate.padEnd(20)}  crashed, away for ${outage / 1000} s; ready ${seconds.toFixed(2)} s after its start`,
      )
    }
  })
  const hit = receipts.filter(({ trouble }) => trouble).length
  console.log(`      ${receipts.length} orders valid, ${hit} hit`)
}

/** Resolves to how many seconds after the database all replicas were ready. */
async function crashOnce(cluster: Cluster, replicas: readonly Replica[], outage: number): Promise<number> {
  const crash = cluster.crash(outage)
  if (outage > 2_000) await Promise.all(replicas.map((replica) => noticesOutage(replica, outage)))
  await crash
  const started = performance.now()
  await Promise.all(
    replicas.map((replica) => becomes(replica, { path: '/ready', status: 200, within: readyLimitMilliseconds })),
  )
  return (performance.now() - started) / 1000
}

async function noticesOutage(replica: Replica, outage: number): Promise<void> {
  await becomes(replica, { path: '/ready', status: 503, within: outage - 200 })
  await becomes(replica, { path: '/health', status: 200, within: 1_000 })
}

async function becomes(
  replica: Replica,
  { path, status, within }: { path: '/health' | '/ready'; status: number; within: number },
): Promise<void> {
  const deadline = performance.now() + within
  while (!(await replica.answers(path, status))) {
    if (performance.now() > deadline) {
      throw new Violation(`${path} of ${replica.name} did not become ${status}`, { replicas: [replica] })
    }
    await sleep(100)
  }
}
