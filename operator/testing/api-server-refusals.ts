import { groupResource } from './api-server-call.ts'
import type { Call } from './api-server-call.ts'
import type { Json, JsonObject } from './api-server-apply.ts'
import type { ObjectStore } from './api-server-store.ts'

/** An answer that is an error. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string
  readonly details: Json | undefined

  constructor(status: number, reason: string, message: string, details?: Json) {
    super(message)
    this.status = status
    this.reason = reason
    this.details = details
  }
}

/** The word that goes with a status where nothing more is known. */
export const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** 404. */
export function notFound(call: Call): Refusal {
  const details = { name: call.name ?? '', group: call.kind.group, kind: call.kind.plural }
  return new Refusal(404, 'NotFound', `${groupResource(call)} "${call.name ?? ''}" not found`, details)
}

/** 409: another version is the current one. */
export function conflict(call: Call): Refusal {
  const message = `Operation cannot be fulfilled on ${groupResource(call)} "${call.name ?? ''}": the object has been modified; please apply your changes to the latest version and try again`
  return new Refusal(409, 'Conflict', message, {
    name: call.name ?? '',
    group: call.kind.group,
    kind: call.kind.plural,
  })
}

/** 422. */
export function invalid(call: Call, message: string): Refusal {
  const details = { name: call.name ?? '', group: call.kind.group, kind: call.kind.kind }
  return new Refusal(422, 'Invalid', `${call.kind.kind} "${call.name ?? ''}" is invalid: ${message}`, details)
}

/** 405, as an API server answers where a path is of another verb. */
export function missingNamespace(call: Call): never {
  throw new Refusal(405, 'MethodNotAllowed', `an object of ${groupResource(call)} is created in a namespace`)
}

/** 410. */
export function tooOld(version: number, store: ObjectStore): Refusal {
  return new Refusal(410, 'Expired', `too old resource version: ${version} (${store.oldestVersion})`)
}

/** As the body of an answer or the object of an ERROR event. */
export function statusObject(refusal: Refusal): JsonObject {
  const { status: code, reason, message, details } = refusal
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
    ...(details === undefined ? {} : { details }),
  }
}
