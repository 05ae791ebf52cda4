/** What the API server answered in place of a result: its `Status` object as an error. */
export class KubernetesApiError extends Error {
  override readonly name = 'KubernetesApiError'
  /** The HTTP status code. */
  readonly status: number
  /** The API server's word for the cause, such as `AlreadyExists`; empty where the answer held none. */
  readonly reason: string
  /** How long the API server asks to be left alone. */
  readonly retryAfterSeconds?: number
  readonly details?: unknown

  constructor(
    message: string,
    facts: { status: number; reason: string; retryAfterSeconds?: number | undefined; details?: unknown },
  ) {
    super(message)
    this.status = facts.status
    this.reason = facts.reason
    if (facts.retryAfterSeconds !== undefined) this.retryAfterSeconds = facts.retryAfterSeconds
    if (facts.details !== undefined) this.details = facts.details
  }
}

/** No answer, or only a part of one: name resolution, connection, TLS, a reset or a deadline. The cause is kept. */
export class ApiServerUnreachable extends Error {
  override readonly name = 'ApiServerUnreachable'
}

/** An answer beyond what is read into memory. A list may be asked for in smaller pages. */
export class AnswerTooLarge extends ApiServerUnreachable {}

/** The object, or the whole kind, isn't there. */
export function isNotFound(error: unknown): boolean {
  return hasStatus(error, 404)
}

/** Somebody else changed the object since it was read. */
export function isConflict(error: unknown): boolean {
  return hasStatus(error, 409) && !isAlreadyExists(error)
}

/** An object of that name is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubernetesApiError && error.status === 409 && error.reason === 'AlreadyExists'
}

/** RBAC or admission refuses. */
export function isForbidden(error: unknown): boolean {
  return hasStatus(error, 403)
}

/** The API server no longer keeps the version that a list or a watch was to go on from. */
export function isGone(error: unknown): boolean {
  return hasStatus(error, 410)
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesApiError && error.status === status
}
