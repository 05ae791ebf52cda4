import { sql } from 'kysely'
import type { Db, Trx } from './database.ts'

/** A leader that stops in the middle of a transaction lets go of it after this time. */
const LONGEST_PAUSE_MS = 5_000

/** Another controller has taken over: whoever gets this leads no more, and none of its transaction is committed. */
export class StaleEpoch extends Error {
  override readonly name = 'StaleEpoch'
  readonly epoch: number

  constructor(epoch: number) {
    super(`epoch ${epoch} is over: another controller has taken over`)
    this.epoch = epoch
  }
}

/**
 * Begins the next epoch and returns it: from then on nothing of an earlier one can be committed. Waits for those
 * transactions of the epoch before that have passed requireEpoch, so that what they write is there to be read.
 */
export async function beginEpoch(db: Db, holder: string): Promise<number> {
  const { rows } = await sql<{ epoch: number }>`
    insert into controller_epoch (epoch, holder, began_at) values (1, ${holder}, certctl_now())
      on conflict ((true)) do update
        set epoch = controller_epoch.epoch + 1, holder = excluded.holder, began_at = excluded.began_at
      returning epoch`.execute(db)
  const [begun] = rows
  if (begun === undefined) throw new TypeError('an upsert that always writes has written nothing')
  return begun.epoch
}

/**
 * Holds the epoch open until the transaction ends, or throws StaleEpoch where it is over. The server ends a
 * transaction that has done so and then pauses for five seconds, lest it keep the next epoch from beginning.
 */
export async function requireEpoch(trx: Trx, epoch: number): Promise<void> {
  const { rows } = await sql<{ epoch: number }>`
    select epoch, set_config('idle_in_transaction_session_timeout', ${String(LONGEST_PAUSE_MS)}, true)
      from controller_epoch for share`.execute(trx)
  if (rows[0]?.epoch !== epoch) throw new StaleEpoch(epoch)
}
