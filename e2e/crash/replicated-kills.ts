import { freshNames, type Customer, type Receipt } from './customer.ts'
import type { Label } from './labels.ts'
import type { Random } from './random.ts'
import { unplanned } from './random-kills.ts'
import type { Replica } from './replica.ts'
import type { World } from './world.ts'
import { Violation } from './violation.ts'

/** Processes that are up, or on their way, before their turn comes: starting one costs more than what it is for. */
const warm = 4
const lanes = 3
const survivors = 2

/** One replica after the other dies at its label, with orders under way; the clients turn to those that live on. */
export async function killAmongReplicas(world: World, plan: readonly Label[]): Promise<void> {
  await Promise.all(Array.from({ length: survivors }, () => world.fleet.start({ fate: unplanned })))
  const victims = startAhead(world, plan)
  const numbers = Array.from({ length: lanes }, (_, number) => number)
  await Promise.all(numbers.map((number) => runLane(world, victims, world.random.fork(`lane ${number}`))))
}

/** The armed processes of the plan, in its order, some started ahead. Lanes may ask at the same time. */
function startAhead(world: World, plan: readonly Label[]): () => Promise<Replica> | undefined {
  const left = [...plan]
  const started: Promise<Replica>[] = []
  const fill = (): void => {
    while (started.length < warm && left.length > 0) {
      const label = left.shift()
      if (label === undefined) return
      const start = world.fleet.start({ label, reserved: true, fate: label })
      // Heard when its turn comes.
      start.catch(() => undefined)
      started.push(start)
    }
  }
  fill()
  return () => {
    const next = started.shift()
    fill()
    return next
  }
}

async function runLane(world: World, nextVictim: () => Promise<Replica> | undefined, random: Random): Promise<void> {
  const customers = await world.customers(['http', 'trust', 'http', 'trust', 'http'])
  for (let next = nextVictim(); next !== undefined; next = nextVictim()) {
    const victim = await next
    await runRound(world, victim, { customers, random })
  }
}

async function runRound(
  world: World,
  victim: Replica,
  { customers, random }: { customers: readonly Customer[]; random: Random },
): Promise<void> {
  const { label } = victim
  if (label === undefined) throw new Error(`${victim.name} has no label to die at`)
  // Work that others left may have taken it to its label before its turn.
  const diedEarly = victim.hasEnded
  const receipts = diedEarly ? [] : await sendOrders(victim, someOf(customers, random), random)
  if (!victim.hasEnded) throw new Violation(`${label} was never reached`, { replicas: [victim] })
  await world.countDeath(victim, label)
  await world.audit(receipts)
  const sample = receipts[0]
  if (sample) await world.verify(sample)
  tell(world, label, receipts)
}

/** From a single order, by which what the victim left behind is known exactly, to all at once. The first proves by http-01. */
function someOf(customers: readonly Customer[], random: Random): readonly Customer[] {
  return customers.slice(0, random.integer(1, customers.length))
}

function sendOrders(first: Replica, customers: readonly Customer[], random: Random): Promise<Receipt[]> {
  return Promise.all(
    customers.map((customer) =>
      customer.obtain({ names: freshNames(random, 'replica'), first, impatient: random.chance(0.2) }),
    ),
  )
}

function tell(world: World, label: Label, receipts: readonly Receipt[]): void {
  const recoveries = receipts.flatMap(({ trouble }) => (trouble ? [trouble.recoverySeconds] : []))
  const result =
    receipts.length === 0
      ? 'died at work that it took over'
      : `${receipts.length} orders valid, ${recoveries.length} hit, the last ${Math.max(0, ...recoveries).toFixed(2)} s later`
  console.log(`${String(world.tally.kills).padStart(4)}  ${label.padEnd(20)}  ${result}`)
}
