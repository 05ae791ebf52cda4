import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createAddressPolicy } from '../address-policy.ts'
import { ValidationFailure, type ValidationProblem } from '../challenge.ts'
import { createDialer, type Dialer } from '../dialer.ts'
import { createNameResolver } from '../dns-resolver.ts'

export interface TcpServer {
  readonly port: number
  /** How many connections arrived. */
  readonly connections: () => number
}

/** A TCP server on loopback that hands every connection to `talk`. Closed with its connections after the test. */
export async function startTcpServer(
  t: Pick<TestContext, 'after'>,
  talk: (socket: Socket) => void,
  host = '127.0.0.1',
): Promise<TcpServer> {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.on('error', () => {})
    talk(socket)
  })
  const port = await listen(t, server, host)
  return { port, connections: () => connections }
}

/** Listens on a free port of loopback and closes the server, with its connections, after the test. */
export async function listen(t: Pick<TestContext, 'after'>, server: Server, host = '127.0.0.1'): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port')
  return address.port
}

/** A port of loopback that refuses connections. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port')
  server.close()
  await once(server, 'close')
  return address.port
}

/** A dialer whose names come from `dnsServer`, and which may reach loopback unless told otherwise. */
export function testDialer(
  dnsServer: string,
  options: { allowedNetworks?: string[]; signal?: AbortSignal; connectTimeoutMilliseconds?: number } = {},
): Dialer {
  const { allowedNetworks = ['127.0.0.0/8'], connectTimeoutMilliseconds = 2_000 } = options
  const signal = options.signal ?? new AbortController().signal
  const resolver = createNameResolver({ servers: [dnsServer], queryTimeoutMilliseconds: 2_000, tries: 1, signal })
  return createDialer({ resolver, policy: createAddressPolicy(allowedNetworks), connectTimeoutMilliseconds, signal })
}

/** The problem that a check failed with; anything else it does fails the test. */
export async function problemOf(check: Promise<unknown>): Promise<ValidationProblem & { retry: boolean }> {
  try {
    await check
  } catch (error) {
    if (error instanceof ValidationFailure) return { ...error.problem, retry: error.retry }
    throw error
  }
  throw new Error('the check succeeded')
}
