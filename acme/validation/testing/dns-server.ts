import dgram from 'node:dgram'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import packet, { type Answer, type Packet } from 'dns-packet'

type Zone = Record<string, string | (string | string[])[]>

/** What the server does with a question: records to answer, an rcode, or silence. */
export type DnsReply = Answer[] | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'silence'

export interface FakeDnsServer {
  /** For the resolvers of a policy. */
  readonly address: string
  /** `"A app.example"`, in order of arrival. */
  readonly questions: string[]
}

/** A name server on loopback; `answer` is asked anew for every query, so that it can rebind. Closed after the test. */
export async function startDnsServer(
  t: Pick<TestContext, 'after'>,
  answer: (type: string, name: string) => DnsReply,
): Promise<FakeDnsServer> {
  const socket = dgram.createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (message, from) => {
    const query = packet.decode(message)
    const question = query.questions?.[0]
    if (question === undefined) return
    questions.push(`${question.type} ${question.name}`)
    const reply = answer(question.type, question.name)
    if (reply !== 'silence') socket.send(packet.encode(encodeReply(query, reply)), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, questions }
}

/** Answers from a table `{'A app.example': ['127.0.0.1']}`: no such name is NXDOMAIN, no such type is an empty answer. */
export function zone(records: Zone): (type: string, name: string) => DnsReply {
  const names = new Set(Object.keys(records).map((key) => key.split(' ')[1]))
  return (type, name) => {
    if (!names.has(name)) return 'NXDOMAIN'
    const data = records[`${type} ${name}`] ?? []
    return [data].flat().map((rdata) => recordOf(type, name, rdata))
  }
}

function recordOf(type: string, name: string, data: string | string[]): Answer {
  switch (type) {
    case 'A':
    case 'AAAA':
      return { type, name, ttl: 1, data: String(data) }
    case 'TXT':
      return { type, name, ttl: 1, data }
    default:
      throw new Error(`the fake DNS server has no ${type} records`)
  }
}

const RCODES = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 }

function encodeReply(query: Packet, reply: Exclude<DnsReply, 'silence'>): Packet {
  const isAnswer = typeof reply !== 'string'
  return {
    type: 'response',
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (isAnswer ? 0 : RCODES[reply]),
    questions: query.questions ?? [],
    answers: isAnswer ? reply : [],
  }
}
