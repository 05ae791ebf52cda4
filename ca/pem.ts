import { CaError } from './errors.ts'

/** PEM (RFC 7468) of one structure, ending in a newline. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.length)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** Every structure with this label, in order; 'pem-unparseable' where one is damaged. Other labels and text between are passed over. */
export function decodePem(text: string, label: string): Uint8Array[] {
  const blocks = text.matchAll(new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g'))
  const found = Array.from(blocks, ([, base64 = '']) => decodeBase64(base64.replaceAll(/\s/g, ''), label))
  const edges = text.split(new RegExp(`-----(?:BEGIN|END) ${label}-----`)).length - 1
  if (edges !== 2 * found.length) {
    throw new CaError('pem-unparseable', `a ${label} block lacks its BEGIN or END line or holds more than base64`)
  }
  return found
}

function decodeBase64(text: string, label: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  // Buffer.from skips what it doesn't know; only text that encodes back to itself was base64.
  if (bytes.length === 0 || bytes.toString('base64') !== text) {
    throw new CaError('pem-unparseable', `a ${label} block is not base64`)
  }
  return bytes
}
