import { setTimeout as sleep } from 'node:timers/promises'
import { type Customer, freshNames } from './customer.ts'
import type { Label } from './labels.ts'
import { leaseSeconds, type Replica } from './replica.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** Where an owner holds a lease, and would go on with it as if no time had passed. */
const pausing = [
  'finalize.begun',
  'finalize.signed',
  'validation.claimed',
  'validation.probed',
] as const satisfies Label[]

const pauseLimitMilliseconds = 20_000
/** What a resumed process does, it does at once; this is as long as a lease and a poll of the database beyond that. */
const watchMilliseconds = leaseSeconds * 1000 + 1_500

/**
 * Owners stop at a label until their leases are over and others have done their work. When they go on they change
 * nothing, and serve again.
 */
export async function pauseOwners(world: World, rounds: number): Promise<void> {
  const customers = await world.customers(pausing.map((label) => (label.startsWith('finalize.') ? 'trust' : 'http')))
  for (let round = 1; round <= rounds; round++) {
    const owners = await Promise.all(
      pausing.map((label) => world.fleet.start({ label, pauses: true, reserved: true, fate: `${label}, paused` })),
    )
    await takeOverFrom(world, owners, customers)
    await watchReturn(world, owners)
    await serveAgain(world, owners, customers)
    console.log(`      ${pausing.length} owners paused beyond their leases, and back: nothing changed (round ${round})`)
  }
}

async function takeOverFrom(world: World, owners: readonly Replica[], customers: readonly Customer[]): Promise<void> {
  // One order for each owner: requests that it has not read yet would be new work when it goes on.
  const errands = Promise.all(pairs(owners, customers).map(([first, customer]) => order(world, first, customer)))
  const pausing = owners.map(async (owner) => {
    if (!(await owner.pausesWithin(pauseLimitMilliseconds))) {
      throw new Violation(`${owner.label} was never reached`, { replicas: [owner] })
    }
    owner.cutOff()
    world.tally.pause(owner.fate)
  })
  const [receipts] = await Promise.all([errands, ...pausing])
  await world.audit(receipts)
  await world.settle()
}

async function watchReturn(world: World, owners: readonly Replica[]): Promise<void> {
  const before = await world.journal.position()
  for (const owner of owners) owner.resume()
  await sleep(watchMilliseconds)
  const changes = await world.journal.changesSince(before)
  if (changes.length > 0) throw new Violation('a paused owner changed something', { rows: changes, replicas: owners })
}

async function serveAgain(world: World, owners: readonly Replica[], customers: readonly Customer[]): Promise<void> {
  const receipts = await Promise.all(pairs(owners, customers).map(([first, customer]) => order(world, first, customer)))
  await world.audit(receipts)
  const troubled = receipts.filter(({ trouble }) => trouble)
  if (troubled.length > 0)
    throw new Violation('a process that was paused serves badly', { rows: troubled, replicas: owners })
  for (const owner of owners) owner.kill()
  await Promise.all(owners.map((owner) => owner.ended))
}

function order(world: World, first: Replica, customer: Customer): ReturnType<Customer['obtain']> {
  const names = freshNames(world.random, 'pause').slice(0, 1)
  return customer.obtain({ names, first })
}

function pairs<A, B>(some: readonly A[], others: readonly B[]): [A, B][] {
  return some.flatMap((one, index) => {
    const other = others[index]
    return other === undefined ? [] : [[one, other] as [A, B]]
  })
}
