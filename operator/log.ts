import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import type { Log } from '../acme/ports.ts'

/**
 * The fields that may be logged. Whatever is not here is left out and only its name is told, so that a key, a token or
 * a request body can't reach the log because somebody logged the object that held it.
 */
const allowedFields: ReadonlySet<string> = new Set([
  'account',
  'action',
  'address',
  'attempt',
  'attempts',
  'authorization',
  'backend',
  'cause',
  'challenge',
  'challengeType',
  'column',
  'component',
  'count',
  'deleted',
  'delaySeconds',
  'detail',
  'directory',
  'durationMs',
  'endpoint',
  'err',
  'external',
  'field',
  'file',
  'fingerprint',
  'folder',
  'generation',
  'identifier',
  'identifiers',
  'issuer',
  'kind',
  'line',
  'listener',
  'method',
  'milliseconds',
  'name',
  'namespace',
  'node',
  'notAfter',
  'notBefore',
  'object',
  'order',
  'orderId',
  'outcome',
  'owner',
  'path',
  'pid',
  'port',
  'problem',
  'profile',
  'reason',
  'remedy',
  'requestId',
  'resource',
  'resolvers',
  'resourceId',
  'result',
  'retired',
  'retryAfterSeconds',
  'revision',
  'seconds',
  'serialNumber',
  'setting',
  'signal',
  'status',
  'table',
  'type',
  'url',
  'version',
])

/** Longer text is cut: nobody reads more, and what a client sent must not fill a disk. */
const longestText = 1000
const deepest = 3

/** Lines wait for company, but not so long that somebody who watches would notice. */
const bufferedOctets = 8192
const longestDelayMs = 100

/** The structured log of the process: one JSON object a line. */
export function createLog(options: { level: string; destination?: DestinationStream }): Log {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
    // Errors have been described already; pino's own serializer would copy every member of the error.
    serializers: { err: (described: unknown) => described },
  }
  // A write for each line cost a tenth of the CPU of a request; pino flushes what is left when the process exits.
  const destination =
    options.destination ??
    pino.destination({ dest: process.stdout.fd, sync: false, minLength: bufferedOctets, periodicFlush: longestDelayMs })
  return filtered(pino(settings, destination))
}

/** Filters before pino sees anything: its own hooks don't reach what a child is made with. */
function filtered(logger: Logger): Log {
  return {
    info: (fields, message) => logger.info(onlyAllowed(fields), message),
    warn: (fields, message) => logger.warn(onlyAllowed(fields), message),
    error: (fields, message) => logger.error(onlyAllowed(fields), message),
    child: (fields) => filtered(logger.child(onlyAllowed(fields))),
  }
}

function onlyAllowed(fields: object, depth = 0): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  const left: string[] = []
  for (const [name, value] of Object.entries(fields)) {
    if (!allowedFields.has(name)) left.push(name)
    else if (value !== undefined) kept[name] = printable(value, depth)
  }
  if (left.length > 0) kept['notLogged'] = left
  return kept
}

/** Plain values stay, errors become their description, objects and lists are held to the same rules. */
function printable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.length > longestText ? `${value.slice(0, longestText)}…` : value
  return typeof value === 'object' && value !== null ? printableObject(value, depth) : value
}

function printableObject(value: object, depth: number): unknown {
  if (value instanceof Error) return describeError(value)
  if (value instanceof Date) return value.toISOString()
  if (depth >= deepest || value instanceof Uint8Array) return '[object]'
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => printable(item, depth + 1))
  return onlyAllowed(value, depth + 1)
}

/** What an error says about itself. Other members are left out: a database error carries the values of the row. */
function describeError(error: Error): Record<string, unknown> {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const cause = error.cause instanceof Error ? { cause: describeError(error.cause) } : {}
  return { type: error.name, message: printable(error.message), ...code, stack: error.stack, ...cause }
}
