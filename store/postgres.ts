import { createHash } from 'node:crypto'
import { PostgresDialect, type PostgresCursor, type PostgresPoolClient, type PostgresQueryResult } from 'kysely'
import pg from 'pg'
import type { Connector } from './database.ts'
import { DatabaseUnreachable, IDLE_IN_TRANSACTION_SESSION_TIMEOUT } from './errors.ts'

const DEFAULT_POOL_SIZE = 20
const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 15_000
/** Beyond the server's own limit: by then the network or the server is gone, and so is the answer. */
const ANSWER_TIMEOUT_MS = 20_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000

/**
 * Sent once on each connection, since a pooler would refuse them among the startup parameters.
 *
 * All statements look few rows up by key. A prepared one keeps the plan of its first calls, and on a young database
 * that may be to read a table whole which has grown a hundredfold before the next analyze: so plans that read tables
 * whole are not to be chosen at all.
 */
const SESSION_SETTINGS = `
  set statement_timeout = ${STATEMENT_TIMEOUT_MS};
  set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_TIMEOUT_MS};
  set enable_seqscan = off;
  set enable_hashjoin = off;
  set enable_mergejoin = off;
  set jit = off`

/** The application has some hundred texts; one that composes them without end must not fill the server's memory. */
const MAX_STATEMENT_NAMES = 1_000

/**
 * Connects through a pool in which every statement with parameters is a named prepared statement: planning costs more
 * than running for the single-row statements of which an ACME server consists.
 */
export function connectPostgres(options: { url: string; poolSize?: number; applicationName?: string }): Connector {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? DEFAULT_POOL_SIZE,
    application_name: options.applicationName ?? 'certctl',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser },
  })
  // A connection that dies while nobody waits on it is only reported here; unheard, the event would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))

  const names = new StatementNames()
  const connections = new WeakMap<pg.PoolClient, PreparingClient>()

  const connect = async (): Promise<PostgresPoolClient> => {
    const client = await pool.connect().catch((error: unknown) => {
      throw asUnreachable(error)
    })
    const known = connections.get(client)
    if (known !== undefined) return known
    const connection = new PreparingClient(client, names)
    connections.set(client, connection)
    await connection.prepare()
    return connection
  }

  return {
    dialect: new PostgresDialect({ pool: { connect, end: () => pool.end(), options: pool.options } }),
    poolStats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
  }
}

/** Names statements by their text, the same in every process, so that a transaction pooler can share them. */
class StatementNames {
  readonly #names = new Map<string, string>()

  of(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined || this.#names.size >= MAX_STATEMENT_NAMES) return known
    const name = createHash('sha256').update(text).digest('hex').slice(0, 16)
    this.#names.set(text, name)
    return name
  }
}

class PreparingClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  readonly #names: StatementNames
  #broken = false

  constructor(client: pg.PoolClient, names: StatementNames) {
    this.#client = client
    this.#names = names
  }

  /** Must come first; a connection that fails at it is given up. */
  async prepare(): Promise<void> {
    try {
      await this.#client.query(SESSION_SETTINGS)
    } catch (error) {
      this.#client.release(true)
      throw asUnreachable(error)
    }
  }

  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query(text: string | PostgresCursor<unknown>, values: readonly unknown[] = []): unknown {
    if (typeof text !== 'string') throw new TypeError('the store does not stream')
    return this.#run(text, values)
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#broken)
  }

  async #run(text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    const name = values.length === 0 ? undefined : this.#names.of(text)
    try {
      return await this.#client.query({ text, values: [...values], ...(name !== undefined && { name }) })
    } catch (error) {
      this.#broken ||= endsConnection(error)
      throw asUnreachable(error)
    }
  }
}

/**
 * Either not the server's answer, so the connection is gone or still busy with a statement that nobody waits for; or
 * the server's last word before it closes.
 */
function endsConnection(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  const { code = '' } = error
  return code.startsWith('57P') || code.startsWith('08') || code === IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

/** The driver and node:net have no common sign of a lost connection, but neither speaks with a SQLSTATE. */
function asUnreachable(error: unknown): unknown {
  const isOurs = error instanceof pg.DatabaseError || error instanceof TypeError
  return isOurs ? error : new DatabaseUnreachable(error)
}

/** Counts and identities stay far below 2^53, and PGlite gives numbers as well. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)
}
