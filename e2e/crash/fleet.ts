import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from './random.ts'
import { Replica, type ReplicaRole, type ReplicaSetting } from './replica.ts'
import { Violation } from './violation.ts'

/** The replicas of one world, the dead among them. */
export class Fleet {
  /** Rejects when a process does not start, or ends though nobody wanted it to. */
  readonly failure: Promise<never>
  readonly #setting: ReplicaSetting
  readonly #replicas: Replica[] = []
  readonly #world: string
  readonly #fail: (reason: unknown) => void
  #started = 0
  #isOver = false

  constructor(world: string, setting: ReplicaSetting) {
    this.#world = world
    this.#setting = setting
    const { promise, reject } = Promise.withResolvers<never>()
    this.failure = promise
    // Heard by whoever awaits it; unheard, the rejection would end this process before it could report.
    promise.catch(() => undefined)
    this.#fail = reject
  }

  /** Starts a process; it may have died at its label, or been killed, before this resolves. */
  async start(role: Omit<ReplicaRole, 'name'>): Promise<Replica> {
    this.#started += 1
    const name = `${this.#world}-${this.#started}-${(role.label ?? 'unarmed').replace('.', '-')}`
    const replica = await Replica.spawn(this.#setting, { ...role, name })
    this.#replicas.push(replica)
    void replica.ended.then((ending) => {
      if (this.#isOver || replica.endedAsMeant(ending)) return
      const how = ending.signal ?? `code ${ending.code}`
      this.#fail(new Violation(`${name} ended by itself (${how})`, { replicas: [replica] }))
    })
    await replica.start().catch((error: unknown) => {
      this.#fail(error)
      throw error
    })
    return replica
  }

  /** Those that a client may turn to. */
  open(): Replica[] {
    return this.#replicas.filter((replica) => replica.isOpen && !replica.isReserved)
  }

  alive(): Replica[] {
    return this.#replicas.filter((replica) => !replica.hasEnded)
  }

  /** The newest ones, for messages. */
  latest(count: number): Replica[] {
    return this.#replicas.slice(-count)
  }

  fateOfOwner(owner: string): string | undefined {
    return this.#replicas.find((replica) => owner.split('/')[1] === String(replica.pid))?.fate
  }

  /** One that a client may turn to, waiting for it where there is none. */
  async choose(random: Random): Promise<Replica> {
    const deadline = performance.now() + 180_000
    for (;;) {
      const open = this.open()
      if (open.length > 0) return random.pick(open)
      if (performance.now() > deadline)
        throw new Violation('no replica serves for three minutes', { replicas: this.latest(3) })
      await sleep(50)
    }
  }

  async end(): Promise<void> {
    this.#isOver = true
    const alive = this.alive()
    for (const replica of alive) replica.kill()
    await Promise.all(alive.map((replica) => replica.ended))
  }

  /** Without waiting, for the end of this process. */
  killAll(): void {
    for (const replica of this.alive()) replica.kill()
  }
}
