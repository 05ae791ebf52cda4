import { setTimeout as sleep } from 'node:timers/promises'
import { type Customer, freshNames } from './customer.ts'
import type { Label } from './labels.ts'
import type { Replica } from './replica.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

const lifeLimitMilliseconds = 30_000

/**
 * A server without replicas dies again and again, each time at another label; it is started anew and finishes what it
 * left behind.
 */
export async function killAlone(world: World, plan: readonly Label[]): Promise<void> {
  let isOver = false
  const runAll = async (): Promise<void> => {
    for (const label of plan) await liveAndDie(world, label)
    isOver = true
    await world.fleet.start({ fate: 'alone, to the end' })
  }
  const orderAll = async (): Promise<void> => {
    const customers = await world.customers(['http', 'trust', 'http'])
    while (!isOver) await orderOnce(world, customers)
    // Who was killed last has left work as well.
    await orderOnce(world, customers)
  }
  await Promise.all([runAll(), orderAll()])
}

async function liveAndDie(world: World, label: Label): Promise<void> {
  const victim = await world.fleet.start({ label, fate: `${label}, alone` })
  await diesInTime(victim)
  await world.countDeath(victim, label)
  console.log(`${String(world.tally.kills).padStart(4)}  ${label.padEnd(20)}  alone, and started anew`)
}

async function diesInTime(victim: Replica): Promise<void> {
  await Promise.race([victim.ended, sleep(lifeLimitMilliseconds, undefined, { ref: false })])
  if (!victim.hasEnded) throw new Violation(`${victim.label} was never reached`, { replicas: [victim] })
}

async function orderOnce(world: World, customers: readonly Customer[]): Promise<void> {
  const receipts = await Promise.all(
    customers.map((customer) => customer.obtain({ names: freshNames(world.random, 'alone') })),
  )
  await world.audit(receipts)
}
