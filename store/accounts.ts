import { sql } from 'kysely'
import type { Db } from './database.ts'
import { isUniqueViolation } from './errors.ts'
import type { AccountId, AccountStatus, StoredJwk } from './schema.ts'

export interface AccountView {
  id: AccountId
  status: AccountStatus
  keyVersion: number
  thumbprint: string
  contacts: string[]
  termsAgreedAt: Date | null
  createdAt: Date
}

/** The key of an account of that directory, whatever its status: spendNonce judges status and version. */
export async function findAccountKey(
  db: Db,
  accountId: AccountId,
  directory: string,
): Promise<{ jwk: StoredJwk; keyVersion: number; thumbprint: string } | undefined> {
  return db
    .selectFrom('accounts')
    .select(['jwk', 'key_version as keyVersion', 'jwk_thumbprint as thumbprint'])
    .where('id', '=', accountId)
    .where('directory', '=', directory)
    .executeTakeFirst()
}

/** The account that holds the key in that directory. */
export async function findAccountByThumbprint(
  db: Db,
  key: { directory: string; thumbprint: string },
): Promise<AccountView | undefined> {
  return db
    .selectFrom('accounts')
    .select(accountColumns)
    .where('directory', '=', key.directory)
    .where('jwk_thumbprint', '=', key.thumbprint)
    .executeTakeFirst()
}

export interface NewAccount {
  id: AccountId
  directory: string
  jwk: StoredJwk
  thumbprint: string
  contacts: readonly string[]
  termsAgreedAt?: Date
  /** The client's address. */
  createdFrom?: string
  actor: string
}

/** Creates the account, or finds the one that holds the key already, which stays as it is. */
export async function insertAccount(db: Db, account: NewAccount): Promise<{ account: AccountView; created: boolean }> {
  const created = await sql<AccountView>`
    with created as (
      insert into accounts (id, directory, jwk, jwk_thumbprint, contacts, terms_agreed_at, created_from)
        values (
          ${account.id}, ${account.directory}, ${JSON.stringify(account.jwk)}::jsonb, ${account.thumbprint},
          ${[...account.contacts]}, ${account.termsAgreedAt ?? null}, ${account.createdFrom ?? null}
        )
        on conflict on constraint accounts_key_key do nothing
        returning ${accountFields}
    ),
    audited as (
      insert into audit_events (actor, action, resource_type, resource_id, details)
        select ${account.actor}, 'account.create', 'account', id,
          jsonb_build_object('directory', ${account.directory}::text, 'contacts', contacts,
            'address', ${account.createdFrom ?? null}::text)
        from created
    )
    select * from created`.execute(db)
  if (created.rows[0] !== undefined) return { account: created.rows[0], created: true }
  const existing = await findAccountByThumbprint(db, account)
  // Accounts are never deleted and the conflicting one is committed, but its key may have been changed meanwhile.
  return existing === undefined ? insertAccount(db, account) : { account: existing, created: false }
}

/** Replaces the contacts of a valid account. Undefined where there is none. */
export async function updateContacts(
  db: Db,
  update: { id: AccountId; contacts: readonly string[]; actor: string },
): Promise<AccountView | undefined> {
  const { rows } = await sql<AccountView>`
    with updated as (
      update accounts set contacts = ${[...update.contacts]}
        where id = ${update.id} and status = 'valid'
        returning ${accountFields}
    ),
    audited as (
      insert into audit_events (actor, action, resource_type, resource_id, details)
        select ${update.actor}, 'account.update', 'account', id, jsonb_build_object('contacts', contacts) from updated
    )
    select * from updated`.execute(db)
  return rows[0]
}

/** Deactivates a valid account, for good (RFC 8555 section 7.3.6). Undefined where there is none. */
export async function deactivateAccount(
  db: Db,
  { id, actor }: { id: AccountId; actor: string },
): Promise<AccountView | undefined> {
  const { rows } = await sql<AccountView>`
    with updated as (
      update accounts set status = 'deactivated'
        where id = ${id} and status = 'valid'
        returning ${accountFields}
    ),
    audited as (
      insert into audit_events (actor, action, resource_type, resource_id)
        select ${actor}, 'account.deactivate', 'account', id from updated
    )
    select * from updated`.execute(db)
  return rows[0]
}

export interface KeyChange {
  id: AccountId
  directory: string
  /** The version whose key signed the change: another change in between makes this one stale. */
  keyVersion: number
  jwk: StoredJwk
  thumbprint: string
  actor: string
}

/**
 * Gives a valid account another key (RFC 8555 section 7.3.5). Of two changes at once one is `stale`; a key that any
 * account of the directory holds, even this one, is refused. Autocommitted only: the refusal aborts a transaction.
 */
export async function changeAccountKey(
  db: Db,
  change: KeyChange,
): Promise<
  { outcome: 'changed'; keyVersion: number } | { outcome: 'key-in-use'; accountId: AccountId } | { outcome: 'stale' }
> {
  const holder = await findAccountByThumbprint(db, change)
  if (holder !== undefined) return { outcome: 'key-in-use', accountId: holder.id }
  try {
    const keyVersion = await updateKey(db, change)
    return keyVersion === undefined ? { outcome: 'stale' } : { outcome: 'changed', keyVersion }
  } catch (error) {
    if (!isUniqueViolation(error, 'accounts_key_key')) throw error
    return changeAccountKey(db, change)
  }
}

async function updateKey(db: Db, change: KeyChange): Promise<number | undefined> {
  const { rows } = await sql<{ key_version: number }>`
    with updated as (
      update accounts
        set jwk = ${JSON.stringify(change.jwk)}::jsonb, jwk_thumbprint = ${change.thumbprint},
          key_version = key_version + 1
        where id = ${change.id} and status = 'valid' and key_version = ${change.keyVersion}
        returning id, key_version
    ),
    audited as (
      insert into audit_events (actor, action, resource_type, resource_id, details)
        select ${change.actor}, 'account.key-change', 'account', id,
          jsonb_build_object('thumbprint', ${change.thumbprint}::text)
        from updated
    )
    select key_version from updated`.execute(db)
  return rows[0]?.key_version
}

const accountColumns = [
  'id',
  'status',
  'key_version as keyVersion',
  'jwk_thumbprint as thumbprint',
  'contacts',
  'terms_agreed_at as termsAgreedAt',
  'created_at as createdAt',
] as const

const accountFields = sql`id, status, key_version as "keyVersion", jwk_thumbprint as thumbprint, contacts,
  terms_agreed_at as "termsAgreedAt", created_at as "createdAt"`
