import type { KubernetesObject } from '../kubernetes/objects.ts'
import { groupPath } from '../kubernetes/resources.ts'
import type { Resource } from '../kubernetes/resources.ts'
import { textOf } from './api-server-apply.ts'
import type { JsonObject } from './api-server-apply.ts'

/** A kind that is installed. */
export interface Kind extends Resource<KubernetesObject> {
  readonly hasStatus: boolean
}

/** A request for a kind's objects. */
export interface Call {
  readonly kind: Kind
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string
  readonly method: string
  readonly query: URLSearchParams
  readonly body: string
  readonly contentType: string
  readonly userAgent: string
}

/** The key of an object in the store. */
export function keyOf({
  kind,
  namespace,
  name,
}: {
  kind: Resource<KubernetesObject>
  namespace: string | undefined
  name: string | undefined
}): string {
  return `${groupPath(kind)}/${kind.plural}/${namespace ?? ''}/${name ?? ''}`
}

/** What the keys of all objects begin with that a list or a watch may show. */
export function prefixOf({ kind, namespace }: Call): string {
  const all = `${groupPath(kind)}/${kind.plural}/`
  return namespace === undefined ? all : `${all}${namespace}/`
}

/** As if somebody had asked for this object. */
export function callFor(kind: Resource<KubernetesObject>, meta: JsonObject): Call {
  const { name, namespace } = meta
  return {
    kind: { ...kind, hasStatus: false },
    namespace: typeof namespace === 'string' ? namespace : undefined,
    name: textOf(name),
    subresource: '',
    method: '',
    query: new URLSearchParams(),
    body: '',
    contentType: '',
    userAgent: '',
  }
}

/** Lists of these leave kind and apiVersion out of their items, as the real ones do. */
export function isBuiltIn({ group }: Resource<KubernetesObject>): boolean {
  return group === '' || group.endsWith('.k8s.io')
}

/** As error messages name a kind. */
export function groupResource({ kind }: Call): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}

/** Who owns what this request writes. */
export function writer(call: Call): { manager: string; subresource: string } {
  const [program = 'unknown'] = call.userAgent.split('/')
  return { manager: call.query.get('fieldManager') ?? program, subresource: call.subresource }
}
