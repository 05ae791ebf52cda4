import { setTimeout as sleep } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import { underLoad } from './load.ts'
import type { Random } from './random.ts'
import type { Replica } from './replica.ts'
import type { World } from './world.ts'

const size = 4
/** In this share of cases nobody is left. */
const blackouts = 0.1
/** In this share of cases a process may die that does not serve yet. */
const starters = 0.1
export const unplanned = 'any moment'

/** Replicas under load die at whatever they are doing, sometimes all of them at once, and are replaced. */
export async function killAtRandom(world: World, kills: number): Promise<void> {
  const random = world.random.fork('moments')
  await replenish(world, size)
  const customers = await world.customers(['http', 'trust', 'http', 'trust', 'http', 'trust', 'http', 'trust'])
  const starting = new Set<Promise<unknown>>()
  let done = 0

  function replace(): void {
    const start = world.fleet.start({ fate: unplanned }).finally(() => starting.delete(start))
    // A process that does not start fails the test through the fleet.
    start.catch(() => undefined)
    starting.add(start)
  }

  async function killSome(): Promise<void> {
    const victims = chooseVictims(world.fleet, random).slice(0, kills - done)
    for (const victim of victims) {
      victim.kill()
      world.tally.kill(unplanned)
      replace()
    }
    await Promise.all(victims.map((victim) => victim.ended))
    done += victims.length
    if (victims.length > 0) tell(world, victims.length, world.fleet.open().length)
  }

  const receipts = await underLoad(world, customers, async () => {
    while (done < kills) {
      await sleep(random.integer(20, 400))
      await killSome()
    }
    await Promise.all(starting)
  })
  const hit = receipts.filter(({ trouble }) => trouble).length
  console.log(`      ${receipts.length} orders valid, ${hit} hit`)
}

/** One, now and then one that only starts, or all of them; nobody while only one serves. */
function chooseVictims(fleet: Fleet, random: Random): Replica[] {
  const open = fleet.open()
  if (open.length < 2) return []
  if (random.chance(blackouts)) return fleet.alive()
  return [random.pick(random.chance(starters) ? fleet.alive() : open)]
}

/** Sees to it that so many replicas serve. */
export async function replenish(world: World, count: number): Promise<void> {
  const missing = Math.max(0, count - world.fleet.open().length)
  await Promise.all(Array.from({ length: missing }, () => world.fleet.start({ fate: unplanned })))
}

function tell(world: World, killed: number, left: number): void {
  const row = `${String(world.tally.kills).padStart(4)}  ${unplanned.padEnd(20)}`
  console.log(`${row}  ${killed} killed under load, ${left} left`)
}
