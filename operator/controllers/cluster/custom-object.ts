import type { CustomResource } from '../../kubernetes/objects.ts'

/** `namespace/name`, the key under which an object is queued. */
export function objectKey({ namespace = '', name }: { namespace?: string; name: string }): string {
  return `${namespace}/${name}`
}

/** The two parts of a key. Throws TypeError for a text that is none. */
export function parseKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  if (slash <= 0) throw new TypeError(`${JSON.stringify(key)} is not namespace/name`)
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** An object as its author wrote it, for a schema that knows nothing of statuses. */
export function declaredPart({ apiVersion, kind, metadata, spec }: CustomResource): object {
  return { apiVersion, kind, metadata, spec }
}

/** What stands at this path of a value that nobody has checked; undefined where there is nothing. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let current = value
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined
    current = Reflect.get(current, name)
  }
  return current
}

/** The Issuer that a profile names, as a key; undefined for a spec that can't be read. */
export function issuerKeyOf({ metadata, spec }: CustomResource): string | undefined {
  const name = valueAt(spec, 'issuerRef', 'name')
  const namespace = valueAt(spec, 'issuerRef', 'namespace') ?? metadata.namespace
  return typeof name === 'string' && typeof namespace === 'string' ? objectKey({ namespace, name }) : undefined
}

/** The Issuer that is to sign an Issuer, as a key; undefined where there is none. */
export function parentKeyOf({ metadata: { namespace }, spec }: CustomResource): string | undefined {
  const name = valueAt(spec, 'subordinate', 'parentRef', 'name')
  return typeof name === 'string' && namespace !== undefined ? objectKey({ namespace, name }) : undefined
}
