import type { KubernetesObject, ObjectRef, Stored } from './objects.ts'

/** Objects by namespace and name. What changes it says what changed: the same resourceVersion is no change. */
export interface ObjectCache<T extends KubernetesObject> {
  get(namespace: string | undefined, name: string): Stored<T> | undefined
  list(): readonly Stored<T>[]
  /** What the cache would hold of this object: what it holds already if the version is the same. */
  keep(object: Stored<T>): Stored<T>
  /** Holds exactly these, which have been through `keep`. */
  replace(objects: readonly Stored<T>[]): readonly ObjectRef[]
  put(object: Stored<T>): ObjectRef | undefined
  remove(object: Stored<T>): ObjectRef | undefined
}

export function createObjectCache<T extends KubernetesObject>(
  trim: (object: Stored<T>) => Stored<T> = (object) => object,
): ObjectCache<T> {
  let objects = new Map<string, Stored<T>>()

  const held = (object: Stored<T>): Stored<T> | undefined => objects.get(keyOf(object.metadata))
  const isHeld = (object: Stored<T>): boolean =>
    held(object)?.metadata.resourceVersion === object.metadata.resourceVersion

  function keep(object: Stored<T>): Stored<T> {
    const known = held(object)
    return known !== undefined && isHeld(object) ? known : trim(withoutManagedFields(object))
  }

  return {
    get: (namespace, name) => objects.get(keyOf({ namespace, name })),
    list: () => [...objects.values()],
    keep,
    replace(listed) {
      const next = new Map(listed.map((object) => [keyOf(object.metadata), object]))
      const changed = listed.filter((object) => !isHeld(object))
      const gone = [...objects].filter(([key]) => !next.has(key)).map(([, object]) => object)
      objects = next
      return [...changed, ...gone].map(refOf)
    },
    put(object) {
      if (isHeld(object)) return undefined
      objects.set(keyOf(object.metadata), keep(object))
      return refOf(object)
    },
    remove: (object) => (objects.delete(keyOf(object.metadata)) ? refOf(object) : undefined),
  }
}

function keyOf({ namespace = '', name }: { namespace?: string | undefined; name: string }): string {
  return `${namespace}/${name}`
}

function refOf({ metadata: { namespace, name } }: KubernetesObject): ObjectRef {
  return namespace === undefined ? { name } : { namespace, name }
}

/** They are often larger than the rest, and only the API server reads them. */
function withoutManagedFields<T extends KubernetesObject>(object: Stored<T>): Stored<T> {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}
