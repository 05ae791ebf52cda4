import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openChallengeSite } from './challenge-site.ts'
import type { Label } from './labels.ts'
import { killAlone } from './lone-kills.ts'
import { writeManifests } from './manifests.ts'
import { type CrashOptions, readOptions } from './options.ts'
import { crashDatabase } from './outages.ts'
import { pauseOwners } from './pauses.ts'
import { type Cluster, startCluster } from './postgres.ts'
import { Random } from './random.ts'
import { killAtRandom } from './random-kills.ts'
import { killAmongReplicas } from './replicated-kills.ts'
import { Tally } from './tally.ts'
import { Violation } from './violation.ts'
import { World } from './world.ts'

const options = readOptions(process.argv.slice(2))
console.log(`seed ${options.seed}: repeat with --seed ${options.seed}`)
// Clients that were still waiting when the test failed would keep this process for a while.
process.exit(await run(options))

/** The whole test; 0 where nothing was broken. */
async function run({ seed, keep }: CrashOptions): Promise<number> {
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'certctl-crash-'))
  await mkdir(join(folder, 'logs'))
  const cluster = await startCluster()
  const site = await openChallengeSite()
  const manifestsDir = join(folder, 'manifests')
  await writeManifests(manifestsDir, site.resolver)
  const tally = new Tally()
  const random = new Random(String(seed))
  const openWorld = async (name: string): Promise<World> => {
    const databaseUrl = await cluster.createDatabase(name)
    return new World({ name, databaseUrl, site, folder, manifestsDir, tally, random: random.fork(name) })
  }
  const worlds = { replicated: await openWorld('replicated'), alone: await openWorld('alone') }
  const all = Object.values(worlds)
  endWithThisProcess(all)

  let isGood = false
  try {
    await Promise.race([runPhases({ ...worlds, cluster }), ...all.map((world) => world.fleet.failure)])
    isGood = true
  } catch (error) {
    report(error, all)
  }
  if (keep) for (const world of all) await world.dump()
  for (const world of all) await world.close()
  site.close()
  await cluster.stop()
  console.log(`\n${tally.table()}\n`)
  console.log(`${tally.kills} kills in ${((performance.now() - started) / 1000).toFixed(0)} s, seed ${seed}`)
  if (keep || !isGood) console.log(`logs are in ${folder}`)
  else await rm(folder, { recursive: true })
  return isGood ? 0 : 1
}

interface Stage {
  readonly replicated: World
  readonly alone: World
  readonly cluster: Cluster
}

async function runPhases({ replicated, alone, cluster }: Stage): Promise<void> {
  const plan = planKills(options)
  await Promise.all([replicated.prepare(), alone.prepare()])
  console.log(`kills at labels: ${plan.replicated.length} among replicas, ${plan.alone.length} alone`)
  await Promise.all([killAmongReplicas(replicated, plan.replicated), killAlone(alone, plan.alone)])
  const aloneCount = await alone.auditAll()
  await alone.fleet.end()
  if (!options.onlyLabels) {
    console.log(`kills at any moment: ${plan.unplanned}`)
    await killAtRandom(replicated, plan.unplanned)
    console.log('pauses')
    await pauseOwners(replicated, 3)
    console.log('crashes of Postgres')
    await crashDatabase(replicated, cluster)
  }
  const replicatedCount = await replicated.auditAll()
  console.log(`every table, the journal and ${aloneCount + replicatedCount} certificates that clients hold: in order`)
}

interface KillPlan {
  readonly replicated: readonly Label[]
  readonly alone: readonly Label[]
  readonly unplanned: number
}

/** As many for each label, in an order of its own. */
function planKills({ kills, labels, onlyLabels, seed }: CrashOptions): KillPlan {
  const random = new Random(`${seed}/plan`)
  const deal = (count: number): Label[] =>
    random.shuffle(Array.from({ length: count }, (_, index) => labels[index % labels.length] ?? random.pick(labels)))
  const unplanned = onlyLabels ? 0 : Math.round(kills * 0.28)
  const alone = Math.round((kills - unplanned) * 0.17)
  return { replicated: deal(kills - unplanned - alone), alone: deal(alone), unplanned }
}

/** However this process ends, no server outlives it. */
function endWithThisProcess(worlds: readonly World[]): void {
  process.on('exit', () => {
    for (const world of worlds) world.fleet.killAll()
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
}

function report(error: unknown, worlds: readonly World[]): void {
  if (!(error instanceof Violation)) {
    console.error('\nthe test failed:', error)
    return
  }
  console.error(`\nVIOLATION: ${error.stack}`)
  if (error.cause !== undefined) console.error('caused by', error.cause)
  for (const row of error.rows.slice(0, 20)) console.error(row)
  const blamed = error.replicas.length > 0 ? error.replicas : worlds.flatMap((world) => world.fleet.latest(4))
  for (const replica of blamed) console.error(`\n--- ${replica.name} (port ${replica.port})\n${replica.logTail(25)}`)
}
