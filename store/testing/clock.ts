import { sql } from 'kysely'
import type { Db } from '../database.ts'

/** Moves the database's clock, as certctl_now() tells it, to that many seconds from the real time. */
export async function setClockOffset(db: Db, seconds: number): Promise<void> {
  await sql`update clock_offset set seconds = ${seconds}`.execute(db)
}
