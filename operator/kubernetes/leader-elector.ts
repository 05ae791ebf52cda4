import type { Log } from '../../acme/ports.ts'
import type { Clock } from '../clock.ts'
import type { KubernetesClient } from './client.ts'
import { createLeaseLock } from './leader-elector-lease.ts'
import type { Timers } from './timers.ts'

export interface LeaderElectorOptions {
  client: Pick<KubernetesClient, 'get' | 'create' | 'update'>
  namespace: string
  leaseName: string
  /** Of this process and no other, past or future ones included: who finds their own name in the lease takes it. */
  identity: string
  timers: Timers
  /** Only for what people read in the lease. */
  clock: Clock
  log: Log
  /** How long others wait after the last renewal that they saw. */
  leaseDurationSeconds?: number
  /** How long after the last renewal leading ends. Shorter, so that it has ended when others take over. */
  renewDeadlineSeconds?: number
  retryPeriodSeconds?: number
  random?: () => number
  /** Runs while leading. The signal aborts on loss and on `stop`; nothing may be changed in the world afterwards. */
  lead(signal: AbortSignal): Promise<void>
  onChange?(leading: boolean): void
}

export interface LeaderElector {
  start(): void
  /** Ends leading, waits for `lead` to end and releases the lease. */
  stop(): Promise<void>
  readonly leading: boolean
  /** Who leads, as far as it is known here. */
  readonly holder: string | undefined
}

/** How leading ends. */
interface Term {
  /** For `lead`: aborted by loss and by `stop`. */
  readonly leading: AbortController
  /** Aborted by loss and by the end of `lead`; after `stop` the lease is renewed until then. */
  readonly renewing: AbortController
}

/** While the API server is away a line comes about once a minute, not with every attempt. */
const attemptsForEachLine = 30

/**
 * Leader election by a Lease. It tries for as long as it runs: whatever ends a term, an API server that is away, a lease
 * that another took, `lead` returning or throwing, another term may follow, and never before `lead` has ended.
 *
 * A Lease alone can't rule out two leaders: a process that was paused doesn't know how long. What must not be done twice
 * needs a fence of its own.
 */
export function createLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const { timers, random = Math.random } = options
  const { leaseDurationSeconds = 15, renewDeadlineSeconds = 10, retryPeriodSeconds = 2 } = options
  if (!(leaseDurationSeconds > renewDeadlineSeconds && renewDeadlineSeconds > 2 * retryPeriodSeconds)) {
    throw new RangeError('leaseDurationSeconds > renewDeadlineSeconds > twice retryPeriodSeconds must hold')
  }
  const renewDeadlineMs = renewDeadlineSeconds * 1000
  const { client, namespace, leaseName, identity, clock } = options
  const requestTimeoutMs = renewDeadlineMs / 2
  const lock = createLeaseLock({
    client,
    namespace,
    leaseName,
    identity,
    leaseDurationSeconds,
    requestTimeoutMs,
    timers,
    clock,
  })
  const log = options.log.child({ component: 'leader-elector', name: leaseName })
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  let isLeading = false
  let leadsUntil = 0
  let failures = 0
  let toldHolder: string | undefined

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const acquiredAt = await attempt(() => lock.acquire(stopping.signal), stopping.signal)
      tellHolder()
      if (typeof acquiredAt === 'number' && !stopping.signal.aborted) await leadFrom(acquiredAt)
      await pause(stopping.signal)
    }
    await release()
  }

  /** Up to a fifth longer than asked, so that replicas don't try in step. */
  async function pause(signal: AbortSignal): Promise<void> {
    await timers.sleep(retryPeriodSeconds * 1000 * (1 + random() / 5), signal).catch(() => undefined)
  }

  /** 'failed' when the API server gave no usable answer, which is logged. */
  async function attempt<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T | 'failed'> {
    try {
      const result = await task()
      failures = 0
      return result
    } catch (error) {
      if (signal.aborted) return 'failed'
      if (failures % attemptsForEachLine === 0) {
        log.warn({ err: error, attempt: failures + 1 }, 'the lease could not be read or written; trying again')
      }
      failures += 1
      return 'failed'
    }
  }

  async function leadFrom(acquiredAt: number): Promise<void> {
    const term: Term = { leading: new AbortController(), renewing: new AbortController() }
    const onStop = (): void => endLeading(term, 'the elector stops')
    leadsUntil = acquiredAt + renewDeadlineMs
    setLeading(true)
    stopping.signal.addEventListener('abort', onStop, { once: true })
    const leading = lead(term.leading.signal).finally(() => term.renewing.abort(new Error('leading has ended')))
    const isLost = await keepRenewing(term)
    await leading
    stopping.signal.removeEventListener('abort', onStop)
    setLeading(false)
    // What was lost may still be ours, but then the API server is away; and after `stop` it is released at the very end.
    if (!isLost && !stopping.signal.aborted) await release()
  }

  async function lead(signal: AbortSignal): Promise<void> {
    try {
      await options.lead(signal)
      if (!signal.aborted) log.warn({}, 'leading ended by itself; the lease is released')
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'leading failed; the lease is released')
    }
  }

  /** Until `lead` has ended, or true: the lease is lost. By then the term's signals have been aborted. */
  async function keepRenewing(term: Term): Promise<boolean> {
    const over = term.renewing.signal
    let isLost = false
    const lose = (why: string): void => {
      isLost = true
      log.warn({ reason: why }, 'the lease is lost')
      endLeading(term, why)
      term.renewing.abort(new Error(why))
    }
    const expire = (): void => lose(`the lease could not be renewed for ${renewDeadlineSeconds} s`)
    let cancelExpiry = timers.after(leadsUntil - timers.now(), expire)
    await pause(over)
    while (!over.aborted) {
      const renewedAt = await attempt(() => lock.renew(over), over)
      // What the answer says came too late if leading has ended meanwhile.
      if (over.aborted) break
      if (renewedAt === undefined) lose(`the lease is held by ${lock.holder ?? 'nobody'}`)
      if (typeof renewedAt === 'number') {
        cancelExpiry()
        leadsUntil = renewedAt + renewDeadlineMs
        cancelExpiry = timers.after(leadsUntil - timers.now(), expire)
      }
      await pause(over)
    }
    cancelExpiry()
    return isLost
  }

  function endLeading(term: Term, why: string): void {
    setLeading(false)
    term.leading.abort(new Error(why))
  }

  async function release(): Promise<void> {
    try {
      await lock.release()
    } catch (error) {
      log.warn({ err: error }, 'the lease could not be released; others wait for it to expire')
    }
  }

  function setLeading(now: boolean): void {
    if (isLeading === now) return
    isLeading = now
    if (now) log.info({}, 'this replica leads')
    try {
      options.onChange?.(now)
    } catch (error) {
      log.error({ err: error }, 'the change of leadership could not be told')
    }
  }

  function tellHolder(): void {
    if (lock.holder === toldHolder) return
    toldHolder = lock.holder
    if (toldHolder !== undefined && toldHolder !== identity) log.info({ owner: toldHolder }, 'another replica leads')
  }

  return {
    start() {
      if (!stopping.signal.aborted) running ??= run()
    },
    async stop() {
      stopping.abort(new Error('the elector stops'))
      await running
    },
    get leading() {
      // A process that was paused may ask before its timers had their turn.
      return isLeading && timers.now() < leadsUntil
    },
    get holder() {
      return lock.holder
    },
  }
}
