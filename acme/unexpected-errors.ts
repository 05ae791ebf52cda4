import { isUnavailable } from '../store/errors.ts'
import { problem, serviceUnavailable, type AcmeProblem } from './problems.ts'

const databaseRetryAfterSeconds = 5

/**
 * What a client is told of an error that is not its own: 503 where the database is away, since clients give up on
 * anything that looks final, and otherwise only an id to find the log line by.
 */
export function problemOfUnexpected(error: unknown, requestId: string): AcmeProblem {
  if (isUnavailable(error)) {
    return serviceUnavailable(
      'The server cannot reach its database at the moment; try again soon.',
      databaseRetryAfterSeconds,
      error,
    )
  }
  return problem.serverInternal(`The server failed; its log has the cause under request ${requestId}.`, {
    cause: error,
  })
}

/** body-parser's errors, by the `type` that it documents. */
export function problemOfUnreadableBody(error: unknown): AcmeProblem {
  const type: unknown = error instanceof Error ? Reflect.get(error, 'type') : undefined
  switch (type) {
    case 'entity.too.large':
      return problem.malformed('The request body is larger than 64 KiB.', { status: 413, cause: error })
    case 'encoding.unsupported':
      return problem.malformed('Send the request body without Content-Encoding.', { status: 415, cause: error })
    default:
      return problem.malformed('The request could not be read; send it whole and as HTTP/1.1 frames it.', {
        cause: error,
      })
  }
}
