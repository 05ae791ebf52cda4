import type { Readable } from 'node:stream'
import { ApiServerUnreachable } from './api-error.ts'
import { asUnreachable, membersOf, parseJson, reasonOf, statusError } from './client-transport.ts'
import type { KubernetesObject, Stored } from './objects.ts'
import type { Timers } from './timers.ts'

/** A bookmark carries nothing but the version up to which everything has been told. */
export type WatchEvent<T extends KubernetesObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored<T> }
  | { readonly type: 'BOOKMARK'; readonly object: { readonly metadata: { readonly resourceVersion: string } } }

/** etcd takes 1.5 MB for an object by default; the rest is room for JSON. */
const longestLineOctets = 16 * 1024 * 1024

/**
 * The events of a watch's answer, until the API server ends it. Throws KubernetesApiError for an event of type ERROR,
 * the signal's reason, and ApiServerUnreachable for anything else, silence included. Leaving it closes the connection.
 */
export async function* readWatchEvents<T extends KubernetesObject>(
  response: Readable,
  options: { signal: AbortSignal; timers: Timers; silenceSeconds: number; onHeard?: (() => void) | undefined },
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const { signal } = options
  const onAbort = (): void => void response.destroy(reasonOf(signal))
  const watchdog = startWatchdog(response, options)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    for await (const line of linesOf(response, () => watchdog.heard())) {
      signal.throwIfAborted()
      const event = eventOf<T>(line)
      if (event !== undefined) yield event
    }
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : asUnreachable(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
    watchdog.stop()
  }
}

/** A connection whose other end vanished says nothing, for hours. */
function startWatchdog(
  response: Readable,
  options: { timers: Timers; silenceSeconds: number; onHeard?: (() => void) | undefined },
): { heard(): void; stop(): void } {
  const { timers, silenceSeconds, onHeard } = options
  const bark = (): void => {
    response.destroy(new ApiServerUnreachable(`the API server said nothing on the watch for ${silenceSeconds} s`))
  }
  let cancel = timers.after(silenceSeconds * 1000, bark)
  return {
    heard() {
      cancel()
      cancel = timers.after(silenceSeconds * 1000, bark)
      onHeard?.()
    },
    stop: () => cancel(),
  }
}

/** Whole lines. An answer that ends within one was cut off. */
async function* linesOf(response: Readable, onBytes: () => void): AsyncGenerator<string, void, undefined> {
  const newline = 0x0a
  let parts: Buffer[] = []
  let octets = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    onBytes()
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end))
      const line = Buffer.concat(parts).toString('utf8').trim()
      parts = []
      octets = 0
      start = end + 1
      if (line !== '') yield line
    }
    parts.push(chunk.subarray(start))
    octets += chunk.length - start
    if (octets > longestLineOctets)
      throw new ApiServerUnreachable('an event of the watch is longer than any object can be')
  }
  if (octets > 0) throw new ApiServerUnreachable('the watch ended within an event')
}

/** Undefined for a type that a later API server may have. */
function eventOf<T extends KubernetesObject>(line: string): WatchEvent<T> | undefined {
  const { type, object } = membersOf(parseJson(line))
  if (type === 'ERROR') throw statusError(object)
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK') return undefined
  if (typeof membersOf(membersOf(object)['metadata'])['resourceVersion'] !== 'string') {
    throw new ApiServerUnreachable('an event of the watch has no resourceVersion')
  }
  // Boundary: the API server's word for the shape of its kinds.
  return { type, object } as WatchEvent<T>
}
