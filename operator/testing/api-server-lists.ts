import { apiVersionOf } from '../kubernetes/resources.ts'
import type { Json, JsonObject } from './api-server-apply.ts'
import { withoutMember } from './api-server-bodies.ts'
import { isBuiltIn, prefixOf } from './api-server-call.ts'
import type { Call } from './api-server-call.ts'
import { Refusal } from './api-server-refusals.ts'
import { selectorOf } from './api-server-selectors.ts'
import type { ObjectStore } from './api-server-store.ts'

interface Snapshot {
  readonly version: number
  readonly rest: readonly JsonObject[]
}

/** Lists, whose pages are all of one version. */
export interface Lists {
  page(call: Call): JsonObject
  everything(call: Call): Snapshot
  /** No list can be continued any more. */
  expire(): void
}

/** Over one store. */
export function createLists(store: ObjectStore): Lists {
  const snapshots = new Map<string, Snapshot>()

  function listPage(call: Call): JsonObject {
    const token = call.query.get('continue')
    const limit = Number(call.query.get('limit') ?? 0)
    const snapshot = token === null ? everything(call) : snapshots.get(token)
    if (snapshot === undefined) throw new Refusal(410, 'Expired', 'The provided continue parameter is too old')
    const items = limit > 0 ? snapshot.rest.slice(0, limit) : snapshot.rest
    const rest = snapshot.rest.slice(items.length)
    const metadata: Record<string, Json> = { resourceVersion: String(snapshot.version) }
    if (rest.length > 0) {
      const next = Buffer.from(`${snapshot.version}/${rest.length}/${snapshots.size}`).toString('base64url')
      snapshots.set(next, { version: snapshot.version, rest })
      metadata['continue'] = next
      metadata['remainingItemCount'] = rest.length
    }
    return {
      kind: `${call.kind.kind}List`,
      apiVersion: apiVersionOf(call.kind),
      metadata,
      items: items.map((item) =>
        isBuiltIn(call.kind) ? withoutMember(withoutMember(item, 'kind'), 'apiVersion') : item,
      ),
    }
  }

  function everything(call: Call): Snapshot {
    const selects = selectorOf(call)
    return { version: store.version, rest: store.list(prefixOf(call)).filter((object) => selects(object)) }
  }

  return { page: listPage, everything, expire: () => snapshots.clear() }
}
