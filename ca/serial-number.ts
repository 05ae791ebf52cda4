/** A fresh serial number: 20 octets, positive, 152 bits of it random. */
export function generateSerialNumber(): Uint8Array {
  throw new Error('not built yet')
}
