import { randomFillSync } from 'node:crypto'

/**
 * A fresh serial number: 20 octets, the first from 01 to 7F, the other 152 bits random. So it is positive, never
 * padded, and at the limit of RFC 5280 section 4.1.2.2 exactly.
 */
export function generateSerialNumber(): Uint8Array {
  const serialNumber = randomFillSync(new Uint8Array(20))
  serialNumber[0] = ((serialNumber[0] ?? 0) % 0x7f) + 1
  return serialNumber
}
