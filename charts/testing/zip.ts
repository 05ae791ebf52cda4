import { inflateRawSync } from 'node:zlib'

const endSignature = Buffer.from('PK\x05\x06', 'latin1')
const entrySignature = 0x02014b50
const endSize = 22
const entrySize = 46
const localHeaderSize = 30

/** The content of one file of a ZIP archive (APPNOTE 4.3). Throws where there is no such file. */
export function readZipEntry(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(endSignature)
  if (end < 0 || end + endSize > archive.length) throw new Error('this is no ZIP archive')
  const count = archive.readUInt16LE(end + 10)
  let at = archive.readUInt32LE(end + 16)
  for (let index = 0; index < count; index++) {
    if (archive.readUInt32LE(at) !== entrySignature) throw new Error('the directory of the ZIP archive is damaged')
    const nameLength = archive.readUInt16LE(at + 28)
    const entryName = archive.toString('utf8', at + entrySize, at + entrySize + nameLength)
    if (entryName === name) return contentOf(archive, at)
    at += entrySize + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  throw new Error(`the ZIP archive has no ${name}`)
}

function contentOf(archive: Buffer, entry: number): Buffer {
  const method = archive.readUInt16LE(entry + 10)
  const compressedSize = archive.readUInt32LE(entry + 20)
  const header = archive.readUInt32LE(entry + 42)
  const start = header + localHeaderSize + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28)
  const content = archive.subarray(start, start + compressedSize)
  if (method === 0) return content
  if (method === 8) return inflateRawSync(content)
  throw new Error(`a ZIP archive compressed by method ${method} can not be read`)
}
