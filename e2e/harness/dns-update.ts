import { createHmac } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as dnsPacket from 'dns-packet'
import type { Answer, Packet } from 'dns-packet'

/** The shared secret of a name server and those who may change its zone (RFC 8945), for hmac-sha256. */
export interface UpdateKey {
  readonly name: string
  readonly secret: Buffer
}

/** Whether a message asks for a dynamic update (RFC 2136). */
export function isUpdate(message: Buffer): boolean {
  return ((message[2] ?? 0) & opcodeBits) === updateOpcode
}

/**
 * Adds and removes TXT records in the folder they are kept in, and returns the response, which is not signed: clients
 * don't insist on that. An update that isn't signed by the key is refused.
 */
export async function applyUpdate(message: Buffer, txtDir: string, key: UpdateKey): Promise<Buffer> {
  const packet = dnsPacket.decode(message)
  const isSigned = hasSignature(message, packet, key)
  // One after the other: each reads a file and writes it back.
  if (isSigned) await (lastUpdate = lastUpdate.then(() => applyAll(packet.authorities ?? [], txtDir)))
  const response = Buffer.from(dnsPacket.encode({ id: packet.id ?? 0, type: 'response', flags: 0, questions: [] }))
  response[2] = responseFlag | updateOpcode
  response[3] = isSigned ? 0 : notAuthorised
  return response
}

/** Bits of the header's third and fourth byte (RFC 1035 section 4.1.1, RFC 2136 section 2.2). */
const opcodeBits = 0b0111_1000
const updateOpcode = 0b0010_1000
const responseFlag = 0b1000_0000
const notAuthorised = 9

let lastUpdate: Promise<void> = Promise.resolve()

async function applyAll(updates: readonly Answer[], txtDir: string): Promise<void> {
  for (const update of updates) {
    if (update.type !== 'TXT' || !/^[\w.-]+$/.test(update.name)) continue
    const file = join(txtDir, update.name.toLowerCase())
    const value = Buffer.concat([update.data].flat().map((part) => Buffer.from(part))).toString()
    const others = (await readFile(file, 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => !['', value].includes(line))
    // Class IN adds a record; NONE (254) takes it away (RFC 2136 section 2.5).
    const lines = update.class === 'IN' ? [...others, value] : others
    await writeFile(file, lines.map((line) => `${line}\n`).join(''))
  }
}

/** Whether the last record is a TSIG of this key over what comes before it (RFC 8945 section 4.3.3). */
function hasSignature(message: Buffer, packet: Packet, key: UpdateKey): boolean {
  const record: unknown = packet.additionals?.at(-1)
  if (!isTsig(record) || record.name.toLowerCase() !== key.name) return false
  const { data } = record
  const keyName = wireName(key.name)
  const algorithm = wireName('hmac-sha256')
  if (!data.subarray(0, algorithm.length).equals(algorithm)) return false
  const times = data.subarray(algorithm.length, algorithm.length + 8)
  const macStart = algorithm.length + 10
  const macEnd = macStart + data.readUInt16BE(macStart - 2)
  // The name of a TSIG is not compressed; type, class, TTL and length take ten bytes.
  const signed = Buffer.from(message.subarray(0, message.length - keyName.length - 10 - data.length))
  signed.writeUInt16BE(data.readUInt16BE(macEnd), 0)
  signed.writeUInt16BE(signed.readUInt16BE(10) - 1, 10)
  const classAndTtl = Buffer.from([0, 255, 0, 0, 0, 0])
  const errorAndOther = data.subarray(macEnd + 2)
  const mac = createHmac('sha256', key.secret)
  for (const part of [signed, keyName, classAndTtl, algorithm, times, errorAndOther]) mac.update(part)
  return mac.digest().equals(data.subarray(macStart, macEnd))
}

function wireName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.alloc(1)])
}

// dns-packet hands over what it has no decoder for as bytes, and its types don't say so.
function isTsig(record: unknown): record is { readonly name: string; readonly data: Buffer } {
  return (
    typeof record === 'object' &&
    record !== null &&
    'type' in record &&
    record.type === 'TSIG' &&
    'data' in record &&
    Buffer.isBuffer(record.data)
  )
}
