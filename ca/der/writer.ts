import { contextTag, constructedContextTag, tag } from './tags.ts'

/** One element: the tag, the shortest definite length, and the parts one after another. */
export function element(identifier: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const headerLength = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5
  const der = new Uint8Array(headerLength + length)
  der[0] = identifier
  writeLength(der, length, headerLength)
  let position = headerLength
  for (const part of parts) {
    der.set(part, position)
    position += part.length
  }
  return der
}

function writeLength(der: Uint8Array, length: number, headerLength: number): void {
  if (length < 0x80) {
    der[1] = length
    return
  }
  if (length > 0xffffff) throw new RangeError('a structure of more than 16 MiB is not written here')
  der[1] = 0x80 + headerLength - 2
  for (let index = headerLength - 1, rest = length; index > 1; index--, rest >>= 8) der[index] = rest & 0xff
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tag.sequence, ...parts)
}

/** A SET of one. Larger ones would need sorting (X.690 section 11.6), and nothing here has them. */
export function setOfOne(part: Uint8Array): Uint8Array {
  return element(tag.set, part)
}

/** A non-negative INTEGER from its big-endian octets. */
export function unsignedInteger(octets: Uint8Array): Uint8Array {
  let start = 0
  while (start < octets.length - 1 && octets[start] === 0) start++
  const magnitude = octets.subarray(start)
  return (magnitude[0] ?? 0x80) < 0x80
    ? element(tag.integer, magnitude)
    : element(tag.integer, Uint8Array.of(0), magnitude)
}

/** An INTEGER from 0 to 127. */
export function smallInteger(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 127) throw new RangeError(`${value} is not from 0 to 127`)
  return Uint8Array.of(tag.integer, 1, value)
}

export const booleanTrue: Uint8Array = Uint8Array.of(tag.boolean, 1, 0xff)

/** A BIT STRING of whole octets. */
export function bitString(octets: Uint8Array): Uint8Array {
  return element(tag.bitString, Uint8Array.of(0), octets)
}

/** A BIT STRING of named bits, without trailing zeros (X.690 section 11.2.2). */
export function namedBits(positions: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...positions)
  const octets = new Uint8Array(Math.floor(last / 8) + 2)
  octets[0] = last < 0 ? 0 : 7 - (last % 8)
  for (const position of positions) {
    const index = 1 + Math.floor(position / 8)
    octets[index] = (octets[index] ?? 0) | (0x80 >> (position % 8))
  }
  return element(tag.bitString, octets)
}

export function octetString(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tag.octetString, ...parts)
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return element(tag.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): number[] {
  const octets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 + (rest % 128))
  return octets
}

const utf8 = new TextEncoder()

export function utf8String(text: string): Uint8Array {
  return element(tag.utf8String, utf8.encode(text))
}

export function printableString(text: string): Uint8Array {
  return element(tag.printableString, utf8.encode(text))
}

/** [number] IMPLICIT around something primitive. */
export function contextPrimitive(number: number, contents: Uint8Array): Uint8Array {
  return element(contextTag(number), contents)
}

/** [number] EXPLICIT, or IMPLICIT around something constructed. */
export function contextConstructed(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(constructedContextTag(number), ...parts)
}

/** UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). Fractions of a second are cut off. */
export function time(date: Date): Uint8Array {
  const year = date.getUTCFullYear()
  if (!(year >= 1950 && year <= 9999)) throw new RangeError(`the year ${year} can't be written in a certificate`)
  const rest = [
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ]
  return year < 2050
    ? element(tag.utcTime, utf8.encode(`${[year % 100, ...rest].map(twoDigits).join('')}Z`))
    : element(tag.generalizedTime, utf8.encode(`${year}${rest.map(twoDigits).join('')}Z`))
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : `${value}`
}
