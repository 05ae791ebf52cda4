import { sql } from 'kysely'
import type { Trx } from './database.ts'

/**
 * Lets one transaction at a time write what an object of this name says. `on conflict` settles one unique index only:
 * of two that insert the same row at once, the other could still fail at the index of names.
 */
export async function lockObject(
  trx: Trx,
  kind: 'issuer' | 'profile',
  { namespace, name }: { namespace: string; name: string },
): Promise<void> {
  const key = `${kind} ${namespace}/${name}`
  await sql`select pg_advisory_xact_lock(hashtext('certctl_object'), hashtext(${key}))`.execute(trx)
}
