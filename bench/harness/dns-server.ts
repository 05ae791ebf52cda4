import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/**
 * A name server for validations: every name has the one address 127.0.0.1 and nothing else. Over UDP and TCP, because
 * Pebble asks over TCP alone.
 */
export interface DnsServer {
  readonly address: string
  close(): void
}

const headerOctets = 12
const typeA = 1

export async function startDnsServer(port: number): Promise<DnsServer> {
  const udp = createSocket('udp4', (query, from) => {
    const answer = answerQuery(query)
    if (answer) udp.send(answer, from.port, from.address)
  })
  const connections = new Set<Socket>()
  const tcp = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => socket.destroy())
    serveStream(socket)
  })
  udp.bind(port, '127.0.0.1')
  tcp.listen(port, '127.0.0.1')
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')])
  return {
    address: `127.0.0.1:${port}`,
    close() {
      udp.close()
      tcp.close()
      for (const socket of connections) socket.destroy()
    },
  }
}

/** The answer to one query (RFC 1035 section 4), or undefined of what is none. */
export function answerQuery(query: Uint8Array): Buffer | undefined {
  const message = Buffer.from(query.buffer, query.byteOffset, query.length)
  if (message.length < headerOctets || (message[2]! & 0x80) !== 0) return undefined
  const nameEnd = endOfName(message)
  if (nameEnd === undefined || nameEnd + 4 > message.length) return undefined
  const isAddress = message.readUInt16BE(nameEnd) === typeA

  const header = Buffer.alloc(headerOctets)
  message.copy(header, 0, 0, 2)
  // A response, authoritative, with the query's opcode and "recursion desired", recursion available, no error.
  header[2] = 0x84 | (message[2]! & 0x79)
  header[3] = 0x80
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(isAddress ? 1 : 0, 6)
  const question = message.subarray(headerOctets, nameEnd + 4)
  // The name by a pointer to the question, type A, class IN, 60 seconds, four octets of address.
  const record = Buffer.from('c00c000100010000003c00047f000001', 'hex')
  return Buffer.concat([header, question, ...(isAddress ? [record] : [])])
}

function endOfName(message: Buffer): number | undefined {
  let offset = headerOctets
  for (;;) {
    const length = message[offset]
    if (length === undefined || length > 63) return undefined
    offset += length + 1
    if (length === 0) return offset
  }
}

/** RFC 1035 section 4.2.2: over TCP each message follows its length in two octets. */
function serveStream(socket: Socket): void {
  let pending = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      const answer = answerQuery(pending.subarray(2, end))
      pending = pending.subarray(end)
      if (!answer) {
        socket.destroy()
        return
      }
      const length = Buffer.alloc(2)
      length.writeUInt16BE(answer.length)
      socket.write(Buffer.concat([length, answer]))
    }
  })
}
