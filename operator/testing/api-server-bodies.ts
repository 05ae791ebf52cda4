import { apiVersionOf } from '../kubernetes/resources.ts'
import { isJsonObject, textOf } from './api-server-apply.ts'
import type { Json, JsonObject } from './api-server-apply.ts'
import type { Call } from './api-server-call.ts'
import { Refusal } from './api-server-refusals.ts'
import { metaOf } from './api-server-store.ts'

/** The request's body. Throws a Refusal, 400. */
export function parseJson(call: Call): Json {
  try {
    return JSON.parse(call.body) as Json
  } catch {
    throw new Refusal(400, 'BadRequest', 'the object provided is unrecognized: json parse error')
  }
}

/** The object in the body. Throws a Refusal where it is not of the URL's kind and namespace. */
export function parseObject(call: Call): JsonObject {
  const object = parseJson(call)
  if (!isJsonObject(object)) throw new Refusal(400, 'BadRequest', 'the object provided is unrecognized')
  const { kind, apiVersion } = object
  if (kind !== call.kind.kind || apiVersion !== apiVersionOf(call.kind)) {
    const message = `${textOf(apiVersion)}, Kind=${textOf(kind)} does not match the kind of the URL`
    throw new Refusal(400, 'BadRequest', message)
  }
  const { namespace } = metaOf(object)
  if (namespace !== undefined && namespace !== call.namespace) {
    throw new Refusal(
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    )
  }
  return object
}

/** In the namespace of the URL. */
export function placed(call: Call, object: JsonObject): JsonObject {
  const { namespace } = call
  return { ...object, metadata: { ...metaOf(object), ...(namespace === undefined ? {} : { namespace }) } }
}

/** Nothing but what it is and its name. */
export function identityOf(object: JsonObject): JsonObject {
  return {
    apiVersion: object['apiVersion'] ?? null,
    kind: object['kind'] ?? null,
    metadata: { name: metaOf(object)['name'] ?? null },
  }
}

/** Of an object with a status subresource, its own URL changes all but the status, and `/status` nothing else. */
export function inSubresource(call: Call, current: JsonObject, wanted: JsonObject): JsonObject {
  const status = (object: JsonObject): JsonObject =>
    object['status'] === undefined ? {} : { status: object['status'] }
  if (call.subresource === 'status') return { ...withoutMember(current, 'status'), ...status(wanted) }
  const meta = { ...metaOf(wanted), namespace: metaOf(current)['namespace'] }
  const { namespace, ...rest } = meta
  const complete = { ...wanted, metadata: namespace === undefined ? rest : { ...rest, namespace } }
  return call.kind.hasStatus ? { ...withoutMember(complete, 'status'), ...status(current) } : complete
}

/** Of a configuration, what the URL takes: the status or all the rest. */
export function onlySubresource(call: Call, configuration: JsonObject): JsonObject {
  if (call.subresource === 'status') return { ...identityOf(configuration), status: configuration['status'] ?? {} }
  return call.kind.hasStatus ? withoutMember(configuration, 'status') : configuration
}

/** A copy that lacks one member. */
export function withoutMember(object: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = object
  return rest
}

/** RFC 7396. */
export function mergePatch(target: Json | undefined, change: Json): Json {
  if (!isJsonObject(change)) return change
  const merged: Record<string, Json> = { ...(isJsonObject(target) ? target : {}) }
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

/** Also when it is no list at all. */
export function isEmptyList(value: Json | undefined): boolean {
  return !Array.isArray(value) || value.length === 0
}
