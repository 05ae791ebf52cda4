import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from './database.ts'

const EPOCH_OCTETS = 8

/** The epoch in which nonces can be spent now; undefined on an empty database, and after the loss of unlogged tables. */
export async function readEpoch(db: Db): Promise<Uint8Array | undefined> {
  const row = await db.selectFrom('nonce_epoch').select('epoch').executeTakeFirst()
  return row?.epoch
}

/** The epoch in which nonces can be spent now, begun if there is none: the same for all that ask at once. */
export async function ensureEpoch(db: Db): Promise<Uint8Array> {
  for (;;) {
    const epoch = await readEpoch(db)
    if (epoch !== undefined) return epoch
    await sql`insert into nonce_epoch (epoch) values (${randomBytes(EPOCH_OCTETS)}) on conflict do nothing`.execute(db)
  }
}
