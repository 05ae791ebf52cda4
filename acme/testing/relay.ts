import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { openDatabase } from '../../store/database.ts'
import { cloneDatabase, type TestDatabase } from '../../store/testing/database.ts'

/** A database behind a relay that can be cut, as a network or a failover cuts it. */
export interface RelayedDatabase extends TestDatabase {
  /** Ends every connection and refuses new ones. */
  cut(): void
  restore(): void
}

export async function openRelayedDatabase(): Promise<RelayedDatabase> {
  const origin = await cloneDatabase()
  const socketPath = unixSocketOf(origin)
  const sockets = new Set<Socket>()
  let isCut = false
  const relay = createServer((client) => {
    if (isCut) return void client.destroy()
    const server = connect(socketPath)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
    client.on('close', () => server.destroy()).pipe(server)
    server.on('close', () => client.destroy()).pipe(client)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const url = new URL(origin.url ?? '')
  const relayed = await openDatabase({
    url: `postgres://postgres@127.0.0.1:${(relay.address() as AddressInfo).port}${url.pathname}`,
  })
  return {
    ...relayed,
    url: origin.url,
    cut() {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    restore: () => void (isCut = false),
    async close() {
      await relayed.close()
      relay.close()
      await origin.close()
    },
  }
}

/** The test server listens on a unix socket alone, whose folder is the host of its URL. */
function unixSocketOf({ url = '' }: TestDatabase): string {
  return `${decodeURIComponent(new URL(url).hostname)}/.s.PGSQL.5432`
}
