import type { Log } from '../../acme/ports.ts'
import type { Db } from '../../store/database.ts'
import { isUnavailable } from '../../store/errors.ts'
import { beat, removeReplica } from '../../store/replicas.ts'
import type { Timers } from '../kubernetes/timers.ts'
import type { Snapshot } from './snapshot.ts'

/** Tells the other replicas what this one serves, and keeps what it serves fresh. */
export interface Heartbeat {
  start(): void
  /** Resolves when no beat is under way any more and the replica's row is gone, or the database is away. */
  stop(): Promise<void>
  /** Why this replica must not serve now; undefined while it may. */
  reasonNotServing(): string | undefined
  /** A change was notified: the next beat comes at once. */
  wake(): void
}

export interface HeartbeatDeps {
  readonly db: Db
  /** This process, unlike any other. */
  readonly id: string
  readonly snapshot: Pick<Snapshot, 'loadedVersion' | 'missingIssuers' | 'refreshRows' | 'loadMissingKeys'>
  readonly timers: Timers
  readonly log: Log
  /** 3 by default. */
  readonly intervalSeconds?: number
  /** How old its last beat may be before the others count a replica as dead. 10 by default. */
  readonly lapseSeconds?: number
}

/** A replica stops this much before the others stop waiting for it, for a request that is under way by then. */
const marginSeconds = 2
/** Between tries while the database is away. */
const retryMs = 1_000
/** Many changes in a row are read together. */
const spacingMs = 200

/**
 * A beat is one statement: it says what is loaded and learns the current version. Where that is another one, the rows
 * are read and the next beat follows at once, so that the leader hears of it. A replica that did not beat for too long
 * was not waited for: changes may count as served everywhere that it has never seen. So it serves nothing until a beat
 * has told it that it has caught up.
 */
export function createHeartbeat(deps: HeartbeatDeps): Heartbeat {
  const { db, id, snapshot, timers, log } = deps
  const intervalMs = (deps.intervalSeconds ?? 3) * 1000
  const longestSilenceMs = ((deps.lapseSeconds ?? 10) - marginSeconds) * 1000
  const stopping = new AbortController()
  let waking = new AbortController()
  let running: Promise<void> | undefined
  /** When the last beat that succeeded began: what the others saw is not older. */
  let lastBegan: number | undefined
  let caughtUp = false
  /** What the log was told about the last beat, if it failed. */
  let failure: string | undefined

  function isSilent(): boolean {
    return lastBegan === undefined || timers.now() - lastBegan > longestSilenceMs
  }

  /** True where what is loaded is current. */
  async function beatOnce(): Promise<boolean> {
    if (snapshot.loadedVersion === 0) await snapshot.refreshRows()
    const { loadedVersion, missingIssuers } = snapshot
    const began = timers.now()
    const { version } = await beat(db, { id, version: loadedVersion, missingIssuers })
    // A database that was restored may also be behind.
    const isCurrent = version === loadedVersion
    if (isSilent()) caughtUp = isCurrent
    else caughtUp ||= isCurrent
    lastBegan = began
    return isCurrent
  }

  /** Returns after how many milliseconds the next is due. */
  async function beatAndCatchUp(): Promise<number> {
    if (await beatOnce()) return intervalMs
    await snapshot.refreshRows()
    return (await beatOnce()) ? intervalMs : spacingMs
  }

  /** Not waited for: an API server that is away must not keep a replica from beating. */
  function loadMissingKeys(): void {
    snapshot.loadMissingKeys().then(
      (loaded) => loaded && wake(),
      (error: unknown) => log.error({ err: error }, 'loading CA keys failed'),
    )
  }

  async function tryToBeat(): Promise<number> {
    try {
      const nextMs = await beatAndCatchUp()
      if (snapshot.missingIssuers.length > 0) loadMissingKeys()
      if (failure !== undefined) log.info({ version: snapshot.loadedVersion }, 'this replica beats again')
      failure = undefined
      return nextMs
    } catch (error) {
      tellFailure(error)
      return retryMs
    }
  }

  /** Once for each cause, since it is met every second. */
  function tellFailure(error: unknown): void {
    const cause = isUnavailable(error) ? 'the database is away' : String(error)
    if (cause !== failure) log.warn({ err: error }, 'this replica could not beat; it tries again every second')
    failure = cause
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const nextMs = await tryToBeat()
      await pause(nextMs)
    }
  }

  /** Woken again and again, it still rests a little between two beats. */
  async function pause(ms: number): Promise<void> {
    const rest = Math.min(ms, spacingMs)
    await sleep(rest, stopping.signal)
    await sleep(ms - rest, AbortSignal.any([stopping.signal, waking.signal]))
    waking = new AbortController()
  }

  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    await timers.sleep(ms, signal).catch(() => undefined)
  }

  function wake(): void {
    waking.abort()
  }

  return {
    start() {
      running ??= run()
    },
    async stop() {
      stopping.abort()
      await running
      try {
        await removeReplica(db, id)
      } catch (error) {
        log.warn({ err: error }, 'the row of this replica stays until it is a day old')
      }
    },
    reasonNotServing() {
      if (lastBegan === undefined) return 'this replica has not loaded its profiles yet'
      if (isSilent()) return 'this replica has not reached the database for too long'
      return caughtUp ? undefined : 'this replica is catching up with changes that the others serve already'
    },
    wake,
  }
}
