import { type Customer, freshNames, type Receipt } from './customer.ts'
import type { World } from './world.ts'

/** Clients that order without a pause until they are told to stop; each finishes what it has begun. */
export interface Load {
  /** Rejects as soon as a client does not get its certificate, and resolves after `stop`. */
  readonly running: Promise<readonly Receipt[]>
  stop(): Promise<readonly Receipt[]>
}

export function startLoad(world: World, customers: readonly Customer[]): Load {
  let isOver = false
  const keepOrdering = async (customer: Customer, index: number): Promise<Receipt[]> => {
    const random = world.random.fork(`load ${index}`)
    const receipts: Receipt[] = []
    while (!isOver) {
      receipts.push(await customer.obtain({ names: freshNames(random, 'load'), impatient: random.chance(0.2) }))
    }
    return receipts
  }
  const running = Promise.all(customers.map(keepOrdering)).then((all) => all.flat())
  return {
    running,
    stop() {
      isOver = true
      return running
    },
  }
}

/** Does something under load; what the clients were told is audited afterwards. */
export async function underLoad(
  world: World,
  customers: readonly Customer[],
  disturb: () => Promise<void>,
): Promise<readonly Receipt[]> {
  const load = startLoad(world, customers)
  await Promise.race([disturb(), load.running])
  const receipts = await load.stop()
  await world.audit(receipts)
  await world.settle()
  return receipts
}
