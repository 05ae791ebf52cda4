import { sql } from 'kysely'
import type { Db } from '../database.ts'

/**
 * Moves the database's clock, as certctl_now() tells it, to that many seconds from the real time, for all processes
 * that use the database. The function itself is replaced, so that without tests the clock costs nothing.
 */
export async function setClockOffset(db: Db, seconds: number): Promise<void> {
  await sql`create or replace function certctl_now() returns timestamptz language sql volatile
    as $$ select clock_timestamp() + make_interval(secs => ${sql.lit(seconds)}) $$`.execute(db)
}
