import { sql } from 'kysely'
import type { Db } from '../database.ts'

/** Waits until that many connections to the database wait for a lock that another one holds. */
export async function untilBlocked(db: Db, count = 1): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ waiting: number }>`
      select count(*) as waiting from pg_stat_activity
        where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`.execute(db)
    if ((rows[0]?.waiting ?? 0) >= count) return
  }
}

/** A promise that a test settles when it is time. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: () => resolve() }
}
