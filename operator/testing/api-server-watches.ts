import type { ServerResponse } from 'node:http'
import { apiVersionOf } from '../kubernetes/resources.ts'
import type { Json, JsonObject } from './api-server-apply.ts'
import { prefixOf } from './api-server-call.ts'
import type { Call } from './api-server-call.ts'
import type { Lists } from './api-server-lists.ts'
import { statusObject, tooOld } from './api-server-refusals.ts'
import { selectorOf } from './api-server-selectors.ts'
import type { ObjectStore, StoredEvent } from './api-server-store.ts'

interface Watch {
  readonly response: ServerResponse
  readonly call: Call
  readonly prefix: string
  readonly selects: (object: JsonObject) => boolean
  sent: number
}

/** The watches that are open, and what a test may do to them. */
export interface Watches {
  readonly count: number
  /** How a watch from a forgotten version is told. */
  goneAs: 'status' | 'event'
  begin(call: Call, response: ServerResponse): void
  bookmark(): void
  /** In good order, all or those of one kind. */
  end(plural?: string): void
  drop(): void
  stall(isStalled: boolean): void
  sendRaw(text: string | Uint8Array): void
}

/** Over one store. */
export function createWatches(store: ObjectStore, lists: Lists): Watches {
  const watches = new Set<Watch>()
  let stalled = false

  function beginWatch(call: Call, response: ServerResponse): void {
    const from = call.query.get('resourceVersion') ?? ''
    const since = Number(from)
    const isFresh = from === '' || from === '0'
    const isGone = !isFresh && since < store.oldestVersion
    if (isGone && result.goneAs === 'status') throw tooOld(since, store)
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' })
    response.flushHeaders()
    if (isGone) {
      response.end(line('ERROR', statusObject(tooOld(since, store))))
      return
    }
    const watch = {
      response,
      call,
      prefix: prefixOf(call),
      selects: selectorOf(call),
      sent: isFresh ? store.version : since,
    }
    watches.add(watch)
    response.on('close', () => watches.delete(watch))
    const seconds = Number(call.query.get('timeoutSeconds') ?? 1800)
    const timeout = setTimeout(() => endWatch(watch), seconds * 1000).unref()
    response.on('close', () => clearTimeout(timeout))
    if (isFresh) for (const object of lists.everything(call).rest) response.write(line('ADDED', object))
    pump(watch)
  }

  function pump(watch: Watch): void {
    if (stalled) return
    for (const event of store.eventsSince(watch.prefix, watch.sent)) {
      watch.sent = event.version
      const type = seenAs(event, watch.selects)
      if (type !== undefined) watch.response.write(line(type, event.object))
    }
  }

  function endWatch(watch: Watch): void {
    if (!stalled) sendBookmark(watch)
    watch.response.end()
    watches.delete(watch)
  }

  function sendBookmark(watch: Watch): void {
    if (watch.call.query.get('allowWatchBookmarks') !== 'true') return
    watch.sent = store.version
    const { kind } = watch.call
    const metadata = { resourceVersion: String(store.version), creationTimestamp: null }
    watch.response.write(line('BOOKMARK', { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata }))
  }

  store.subscribe(() => {
    for (const watch of watches) pump(watch)
  })

  const result: Watches = {
    get count() {
      return watches.size
    },
    goneAs: 'event',
    begin: beginWatch,
    bookmark() {
      for (const watch of watches) sendBookmark(watch)
    },
    end(plural) {
      for (const watch of watches) if (plural === undefined || watch.call.kind.plural === plural) endWatch(watch)
    },
    drop() {
      for (const watch of watches) watch.response.socket?.resetAndDestroy()
      watches.clear()
    },
    stall(isStalled) {
      stalled = isStalled
      for (const watch of watches) pump(watch)
    },
    sendRaw(text) {
      for (const { response } of watches) response.write(text)
    },
  }
  return result
}

/** As what a watch with a selector sees a change: objects come and go with their labels. */
function seenAs(event: StoredEvent, selects: (object: JsonObject) => boolean): StoredEvent['type'] | undefined {
  const isNow = event.type !== 'DELETED' && selects(event.object)
  const wasBefore = event.before !== undefined && selects(event.before)
  if (isNow) return wasBefore ? 'MODIFIED' : 'ADDED'
  return wasBefore ? 'DELETED' : undefined
}

function line(type: string, object: Json): string {
  return `${JSON.stringify({ type, object })}\n`
}
