import { isAlreadyExists, isConflict, isNotFound } from './api-error.ts'
import type { KubernetesClient } from './client.ts'
import type { Clock } from '../clock.ts'
import { withDeadline } from './deadline.ts'
import { microTime } from './micro-time.ts'
import type { Lease, Stored } from './objects.ts'
import { leases } from './resources.ts'
import type { Timers } from './timers.ts'

/** One Lease, as a lock that one identity takes, keeps and gives back. Calls don't overlap. */
export interface LeaseLock {
  /**
   * Tries once. Answers when, by `timers.now()`, the write began that made the lease ours; undefined while another holds
   * it or was faster. Once that write is under way the signal no longer ends it: it would be unknown who holds the lease.
   */
  acquire(signal: AbortSignal): Promise<number | undefined>
  /** Like `acquire` for a lease that is ours. Undefined: another holds it, or nobody does because somebody cleared it. */
  renew(signal: AbortSignal): Promise<number | undefined>
  /** Clears the lease if it may be ours, so that another can take it at once. */
  release(): Promise<void>
  /** Who held it when it was last seen. */
  readonly holder: string | undefined
}

export interface LeaseLockOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'update'>
  readonly namespace: string
  readonly leaseName: string
  readonly identity: string
  readonly leaseDurationSeconds: number
  /** For each request; everything throws what the client throws, and DeadlineExceeded. */
  readonly requestTimeoutMs: number
  readonly timers: Timers
  readonly clock: Clock
}

/** What was seen of the lease, and when that was first seen by our own monotonic time. */
interface Observation {
  readonly spec: string
  readonly holder: string | undefined
  readonly heldUntil: number
}

/**
 * Another's lease counts as expired when it has not changed for its duration by our own time: what its holder wrote
 * down as the time may be wrong by hours.
 */
export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { client, namespace, leaseName: name, identity, timers, clock } = options
  const neverAborts = new AbortController().signal
  let observed: Observation | undefined
  /** As it was after our last write. */
  let held: Stored<Lease> | undefined
  /** Whether a request was sent that made the lease ours, and nothing later says otherwise. */
  let mayBeOurs = false
  let writes = 0

  function inTime<T>(what: string, signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ timers, ms: options.requestTimeoutMs, signal, what }, task)
  }

  async function read(signal: AbortSignal): Promise<Stored<Lease> | undefined> {
    const found = await client.get(leases, { namespace, name }, signal)
    // A lease that was deleted is still honoured until it would have expired: its holder may not know yet.
    if (found !== undefined) observe(found)
    return found
  }

  function observe({ spec }: Lease): void {
    const text = JSON.stringify(spec ?? {})
    if (text === observed?.spec) return
    const holder = spec?.holderIdentity ?? undefined
    const seconds = spec?.leaseDurationSeconds ?? options.leaseDurationSeconds
    observed = { spec: text, holder: holder === '' ? undefined : holder, heldUntil: timers.now() + seconds * 1000 }
    if (observed.holder !== identity) mayBeOurs = false
  }

  function isHeldByAnother(): boolean {
    if (observed?.holder === undefined || observed.holder === identity) return false
    return timers.now() < observed.heldUntil
  }

  /** Writes our name into the lease as it was found, or into a new one. Throws where somebody wrote since. */
  async function claim(found: Stored<Lease> | undefined, signal: AbortSignal): Promise<number> {
    const began = timers.now()
    mayBeOurs = true
    held =
      found === undefined
        ? await client.create(leases, newLease(), signal)
        : await client.update(leases, { ...found, spec: claimed(found.spec) }, signal)
    observe(held)
    return began
  }

  function newLease(): Lease {
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec: claimed({}) }
  }

  function claimed(before: Lease['spec'] = {}): NonNullable<Lease['spec']> {
    const now = timeOfWrite()
    const wasOurs = before.holderIdentity === identity
    const transitions = before.leaseTransitions
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: options.leaseDurationSeconds,
      acquireTime: wasOurs ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: transitions === undefined ? 0 : transitions + (wasOurs ? 0 : 1),
    }
  }

  /** Never the same twice in a row: others see that we live by the change alone, even if our clock stands still. */
  function timeOfWrite(): string {
    writes += 1
    return microTime(clock.now(), writes % 1000)
  }

  async function clear(signal: AbortSignal): Promise<void> {
    const found = await read(signal)
    if (found?.spec?.holderIdentity === identity) {
      const spec = { ...found.spec, holderIdentity: null, leaseDurationSeconds: 1, renewTime: timeOfWrite() }
      observe(await client.update(leases, { ...found, spec }, signal))
    }
    mayBeOurs = false
  }

  return {
    async acquire(signal) {
      const found = await inTime('reading the lease', signal, read)
      if (isHeldByAnother()) return undefined
      try {
        return await inTime('taking the lease', neverAborts, (bounded) => claim(found, bounded))
      } catch (error) {
        if (isConflict(error) || isAlreadyExists(error)) return undefined
        throw error
      }
    },
    async renew(signal) {
      try {
        return await inTime('renewing the lease', signal, (bounded) => claim(held, bounded))
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error
      }
      const found = await inTime('reading the lease', signal, read)
      if (found !== undefined && found.spec?.holderIdentity !== identity) return undefined
      return await inTime('renewing the lease', signal, (bounded) => claim(found, bounded))
    },
    async release() {
      if (!mayBeOurs) return
      await inTime('releasing the lease', neverAborts, async (signal) => {
        try {
          await clear(signal)
        } catch (error) {
          // A renewal that was given up may have arrived in between, and only that.
          if (!isConflict(error)) throw error
          await clear(signal)
        }
      })
    },
    get holder() {
      return observed?.holder
    },
  }
}
