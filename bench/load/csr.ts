import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

const extensionRequest = Buffer.from('06092a864886f70d01090e', 'hex')
const subjectAltName = Buffer.from('0603551d11', 'hex')
const ecdsaWithSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex')

/** A PKCS #10 request (RFC 2986) for `names` with a P-256 key of its own and an empty subject. */
export function createCertificateRequest(names: readonly string[]): { der: Buffer; publicKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = createPublicKey(privateKey)
  const dnsNames = names.map((name) => tlv(0x82, Buffer.from(name, 'ascii')))
  const extension = sequence(subjectAltName, tlv(0x04, sequence(...dnsNames)))
  const info = sequence(
    tlv(0x02, Buffer.from([0])),
    sequence(),
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(0xa0, sequence(extensionRequest, tlv(0x31, sequence(extension)))),
  )
  const signature = sign('sha256', info, privateKey)
  return { der: sequence(info, ecdsaWithSha256, tlv(0x03, Buffer.from([0]), signature)), publicKey }
}

function sequence(...members: Uint8Array[]): Buffer {
  return tlv(0x30, ...members)
}

function tlv(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content])
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}
