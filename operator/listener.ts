import type { Server } from 'node:http'
import type { ListenAddress } from './setting-kinds.ts'

/** Limits that keep slow or silent clients from holding sockets: well above what any honest client needs. */
export const listenerTimeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
  /** How often sockets are held against these limits. */
  connectionsCheckingInterval: 5_000,
} as const

/** A port could not be bound, in words for the person who starts the server. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** Binds a server; throws ListenError naming the setting to change. */
export function listen(server: Server, address: ListenAddress, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      const code = 'code' in error ? String(error.code) : error.message
      reject(new ListenError(`can't listen on ${address.host ?? ''}:${address.port} (${code}); change ${setting}`))
    }
    server.once('error', failed)
    server.listen({ port: address.port, ...(address.host !== undefined && { host: address.host }) }, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

/** Stops accepting, lets requests in flight finish, and cuts what is left when the time is over. */
export function closeListener(server: Server, deadlineMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve()
  return new Promise((resolve) => {
    // A connection turns idle when its answer is sent, and nothing but this would close it before its keep-alive ends.
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    const cut = setTimeout(() => server.closeAllConnections(), deadlineMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
