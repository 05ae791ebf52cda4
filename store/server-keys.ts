import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from './database.ts'

const KEY_OCTETS = 32

/** The key of that name, made at random if there is none: the same for every process that shares the database. */
export async function ensureServerKey(db: Db, name: string): Promise<Uint8Array> {
  for (;;) {
    const row = await db.selectFrom('server_keys').select('key').where('name', '=', name).executeTakeFirst()
    if (row !== undefined) return row.key
    await sql`insert into server_keys (name, key) values (${name}, ${randomBytes(KEY_OCTETS)})
      on conflict do nothing`.execute(db)
  }
}
