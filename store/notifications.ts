import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const CHANNEL = 'certctl_snapshot'
const CONNECT_TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 30_000
/** How long a connection is silent before the server is asked for a sign of life. */
const KEEP_ALIVE_MS = 30_000

/** What the listener tells of itself. */
export interface ListenerLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface SnapshotListener {
  stop(): Promise<void>
}

/**
 * Calls `onChange` soon after each commit that changed issuers or profiles; several at once may be one call. It also
 * does each time it has connected, since nothing is kept for a listener that was away. It connects by itself for as
 * long as it runs, on a connection of its own. Nothing arrives through a pooler in transaction mode: whoever relies on
 * it must also look from time to time.
 */
export function listenForSnapshots(options: { url: string; onChange: () => void; log: ListenerLog }): SnapshotListener {
  const stopping = new AbortController()
  const ended = listen(options, stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

async function listen(
  { url, onChange, log }: Parameters<typeof listenForSnapshots>[0],
  signal: AbortSignal,
): Promise<void> {
  let delayMs = FIRST_RETRY_MS
  const onListening = (): void => {
    delayMs = FIRST_RETRY_MS
    log.info({}, 'listening for changes of issuers and profiles')
    onChange()
  }
  while (!signal.aborted) {
    const cause = await session(url, { onListening, onChange, signal }).catch((error: unknown) => error)
    if (signal.aborted) return
    log.warn({ err: cause, delaySeconds: delayMs / 1000 }, 'not listening for changes; connecting again')
    await sleep(withJitter(delayMs), undefined, { signal }).catch(() => undefined)
    delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)
  }
}

/** Replicas that lost the same server must not all come back at the same moment. */
function withJitter(delayMs: number): number {
  return delayMs * (0.5 + Math.random() / 2)
}

/** One connection, from beginning to end: returns or throws why it ended. */
async function session(
  url: string,
  { onListening, onChange, signal }: { onListening: () => void; onChange: () => void; signal: AbortSignal },
): Promise<unknown> {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: url,
    application_name: 'certctl-listener',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    stream: () => socket,
  })
  let cause: unknown
  client.on('error', (error) => (cause = error))
  client.on('notification', onChange)
  const ended = new Promise<void>((resolve) => client.once('end', resolve))
  // Listening has no end of its own that would be worth waiting for, and the server may not be there any more.
  const abandon = (): void => void socket.destroy()
  signal.addEventListener('abort', abandon)
  try {
    await client.connect()
    await client.query(`listen ${CHANNEL}`)
    onListening()
    await ended
    return cause
  } finally {
    signal.removeEventListener('abort', abandon)
    socket.destroy()
  }
}
