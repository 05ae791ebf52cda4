import { findAccountKey } from '../store/accounts.ts'
import type { Db } from '../store/database.ts'
import type { AccountId } from '../store/schema.ts'
import { parseJwk, type AccountKey } from './jose/jwk.ts'

export interface KnownAccountKey {
  readonly key: AccountKey
  /** The directory that the account belongs to: the account does not exist in any other. */
  readonly directory: string
  /** Compared with the row's at every request: a key that was changed elsewhere is noticed before it is trusted. */
  readonly version: number
}

/** Account keys, read once and kept; one that a request proves stale is dropped by `forget`. */
export interface AccountKeys {
  find(accountId: AccountId, directory: string): Promise<KnownAccountKey | undefined>
  forget(accountId: AccountId): void
}

const keptKeys = 20_000

export function createAccountKeys(db: Db): AccountKeys {
  const keys = new Map<AccountId, KnownAccountKey>()
  return {
    async find(accountId, directory) {
      const known = keys.get(accountId)
      if (known) return known.directory === directory ? known : undefined
      const row = await findAccountKey(db, accountId, directory)
      if (!row) return undefined
      const found = { key: parseJwk(row.jwk), directory, version: row.keyVersion }
      if (keys.size >= keptKeys) keys.clear()
      keys.set(accountId, found)
      return found
    },
    forget: (accountId) => void keys.delete(accountId),
  }
}
