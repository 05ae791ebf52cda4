/** SQLSTATEs by the names of Postgres' appendix A. */
const UNIQUE_VIOLATION = '23505'
const QUERY_CANCELED = '57014'
const TOO_MANY_CONNECTIONS = '53300'
const READ_ONLY_SQL_TRANSACTION = '25006'
export const IDLE_IN_TRANSACTION_SESSION_TIMEOUT = '25P03'
const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'
const LOCK_NOT_AVAILABLE = '55P03'

/** The database can't be used now, or not for this statement, and the same statement may succeed later. */
const UNAVAILABLE_STATES: ReadonlySet<string> = new Set([
  QUERY_CANCELED,
  TOO_MANY_CONNECTIONS,
  // A server that was demoted while we were connected to it.
  READ_ONLY_SQL_TRANSACTION,
  IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
  SERIALIZATION_FAILURE,
  DEADLOCK_DETECTED,
  LOCK_NOT_AVAILABLE,
])

/** Connection exceptions; insufficient resources; operator intervention such as a shutdown; system errors such as a full disk. */
const UNAVAILABLE_CLASSES: readonly string[] = ['08', '53', '57P', '58']

/**
 * There was no answer: the server can't be reached, or the connection was lost while we waited. Whether a statement
 * that was on its way took effect is not known.
 */
export class DatabaseUnreachable extends Error {
  override readonly name = 'DatabaseUnreachable'

  constructor(cause: unknown) {
    super('the database cannot be reached', { cause })
  }
}

/** Whether the database is away, overloaded or gave up on the statement, so that trying again later makes sense. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseUnreachable) return true
  const state = sqlState(error)
  if (state === undefined) return false
  return UNAVAILABLE_STATES.has(state) || UNAVAILABLE_CLASSES.some((prefix) => state.startsWith(prefix))
}

/** Whether a unique key was violated: any of them, or the one constraint or index of that name. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== UNIQUE_VIOLATION) return false
  return constraint === undefined || property(error, 'constraint') === constraint
}

/** What the database, or the way to it, says in words for people; nothing where something else is wrong. */
export function databaseWords(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof DatabaseUnreachable) return `${error.message}: ${reason(error.cause)}`
  return sqlState(error) === undefined ? undefined : error.message
}

/** Several addresses that were tried in vain leave several reasons and no message. */
function reason(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reason).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}

/** pg and PGlite have error classes of their own; both put the SQLSTATE into `code`, as node does its own codes. */
function sqlState(error: unknown): string | undefined {
  const code = property(error, 'code')
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

function property(error: unknown, name: string): unknown {
  return error instanceof Error ? Reflect.get(error, name) : undefined
}
