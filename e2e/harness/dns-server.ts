import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as dnsPacket from 'dns-packet'
import type { Answer, Packet } from 'dns-packet'
import { applyUpdate, isUpdate, type UpdateKey } from './dns-update.ts'

export interface Zone {
  /** The zone this server is authoritative for, without a final dot. */
  readonly name: string
  /** Domains of the zone, each with the address of every name at or below it. */
  readonly addresses: ReadonlyMap<string, string>
  /** TXT records: one file per owner name, one value per line. Clients' hooks write them. */
  readonly txtDir: string
  /** Who may add and remove TXT records by dynamic update; nobody unless given. */
  readonly updateKey?: UpdateKey
}

/** Serves the zone over UDP and TCP on port 53 of `address`; whatever lies outside it doesn't exist. */
export async function serveDns(address: string, zone: Zone): Promise<Disposable> {
  const udp = createSocket('udp4')
  udp.on('message', (message: Buffer, peer) => {
    void respond(message, zone).then((response) => udp.send(response, peer.port, peer.address))
  })
  const tcp = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    let received = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0)
        const message = received.subarray(2, end)
        received = received.subarray(end)
        void respond(message, zone).then((response) => {
          const length = Buffer.alloc(2)
          length.writeUInt16BE(response.length)
          socket.write(Buffer.concat([length, response]))
        })
      }
    })
  })
  await Promise.all([
    new Promise<void>((resolve, reject) => udp.once('error', reject).bind(53, address, resolve)),
    new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(53, address, resolve)),
  ])
  return {
    [Symbol.dispose]() {
      udp.close()
      tcp.close()
    },
  }
}

async function respond(message: Buffer, zone: Zone): Promise<Buffer> {
  if (isUpdate(message) && zone.updateKey !== undefined) return applyUpdate(message, zone.txtDir, zone.updateKey)
  return Buffer.from(dnsPacket.encode(await answer(dnsPacket.decode(message), zone)))
}

async function answer(query: Packet, zone: Zone): Promise<Packet> {
  const question = query.questions?.[0]
  const name = question?.name.toLowerCase() ?? ''
  const address = addressOf(name, zone)
  const texts = await textsOf(name, zone)
  const exists = address !== undefined || texts.length > 0 || name === zone.name || zone.addresses.has(name)
  const answers: Answer[] = []
  if (question?.type === 'A' && address !== undefined) answers.push({ type: 'A', name, ttl: 0, data: address })
  if (question?.type === 'TXT') answers.push(...texts.map((data): Answer => ({ type: 'TXT', name, ttl: 0, data })))
  if (question?.type === 'SOA' && name === zone.name) answers.push(startOfAuthority(zone))
  const inZone = name === zone.name || name.endsWith(`.${zone.name}`)
  return {
    id: query.id ?? 0,
    type: 'response',
    flags: dnsPacket.AUTHORITATIVE_ANSWER | (exists ? 0 : nameError),
    questions: query.questions ?? [],
    answers,
    authorities: answers.length === 0 && inZone ? [startOfAuthority(zone)] : [],
  }
}

/** NXDOMAIN as the low bits of the header's flags (RFC 1035 section 4.1.1). */
const nameError = 3

// Underscore names carry TXT records only, and exist while they have one.
function addressOf(name: string, zone: Zone): string | undefined {
  if (name.startsWith('_')) return undefined
  for (const [domain, address] of zone.addresses) {
    if (name === domain || name.endsWith(`.${domain}`)) return address
  }
  return undefined
}

async function textsOf(name: string, zone: Zone): Promise<string[]> {
  if (!/^[\w.-]+$/.test(name)) return []
  try {
    const text = await readFile(join(zone.txtDir, name), 'utf8')
    return text.split('\n').filter((line) => line !== '')
  } catch {
    return []
  }
}

function startOfAuthority(zone: Zone): Answer {
  const data = {
    mname: `ns.${zone.name}`,
    rname: `hostmaster.${zone.name}`,
    serial: 1,
    refresh: 60,
    retry: 60,
    expire: 60,
    minimum: 0,
  }
  return { type: 'SOA', name: zone.name, ttl: 0, data }
}
