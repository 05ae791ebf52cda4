import { gunzipSync, gzipSync } from 'node:zlib'

const blockSize = 512

/** Fields of a tar header, as offset and length, and the one kind of entry that `helm package` writes. */
const field = { uid: [108, 8], gid: [116, 8], size: [124, 12], time: [136, 12], checksum: [148, 8] } as const
const names = { name: [0, 100], prefix: [345, 155] } as const
const owners = { user: [265, 32], group: [297, 32] } as const
const typeOffset = 156
const plainFile = 0x30

/**
 * A .tar.gz of plain files, so that the same files give the same bytes: sorted by name, of one time (in seconds), and of
 * user and group 0. `helm package` writes the time of the files or its own. Throws where an entry is no plain file.
 */
export function settleArchive(archive: Buffer, time: number): Buffer {
  const entries = readEntries(gunzipSync(archive))
  for (const { header } of entries) settleHeader(header, time)
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const end = Buffer.alloc(2 * blockSize)
  // Node's gzip has no name and no time in it.
  return gzipSync(Buffer.concat([...sorted.map(({ bytes }) => bytes), end]), { level: 9 })
}

interface Entry {
  readonly name: string
  readonly header: Buffer
  /** Header and content. */
  readonly bytes: Buffer
}

function readEntries(tar: Buffer): Entry[] {
  const entries: Entry[] = []
  let start = 0
  while (start < tar.length && tar[start] !== 0) {
    const header = tar.subarray(start, start + blockSize)
    const name = [textOf(header, names.prefix), textOf(header, names.name)].filter((part) => part !== '').join('/')
    if (header[typeOffset] !== plainFile) throw new Error(`${name} in the archive is no plain file`)
    const size = Number.parseInt(textOf(header, field.size), 8)
    const end = start + blockSize + Math.ceil(size / blockSize) * blockSize
    entries.push({ name, header, bytes: tar.subarray(start, end) })
    start = end
  }
  return entries
}

function settleHeader(header: Buffer, time: number): void {
  for (const [offset, length] of Object.values(owners)) header.fill(0, offset, offset + length)
  for (const each of [field.uid, field.gid]) writeOctal(header, each, 0)
  writeOctal(header, field.time, time)
  // The checksum is of the header with spaces in its own place, and has fewer digits than its place.
  const [offset, length] = field.checksum
  header.fill(' ', offset, offset + length)
  const sum = header.reduce((total, byte) => total + byte, 0)
  writeOctal(header, [offset, length - 1], sum)
}

function textOf(header: Buffer, [offset, length]: readonly [number, number]): string {
  return header.toString('utf8', offset, offset + length).replace(/\0.*/s, '')
}

/** Octal digits and a zero byte. */
function writeOctal(header: Buffer, [offset, length]: readonly [number, number], value: number): void {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, length, 'latin1')
}
