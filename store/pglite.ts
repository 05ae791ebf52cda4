import { PGlite } from '@electric-sql/pglite'
import { PGliteDialect } from 'kysely'
import type { Connector } from './database.ts'

/** Opens the embedded Postgres, making its directory if there is none. One process at a time may have it open. */
export function connectPglite(directory: string): Connector {
  const pglite = new PGlite(directory === 'memory' ? 'memory://' : directory)
  return { dialect: new PGliteDialect({ pglite }), poolStats: () => ({ total: 1, idle: 0, waiting: 0 }) }
}
