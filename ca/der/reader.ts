import { tag } from './tags.ts'

/** Bytes that are not the DER that was expected. Callers turn it into a CaError that says which structure it was. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** One element. `der` is all of it, `contents` what its header announces; both are views of the bytes read. */
export interface DerElement {
  readonly tag: number
  readonly der: Uint8Array
  readonly contents: Uint8Array
}

/**
 * Reads elements one after another and accepts one encoding only: definite, minimal lengths, tag numbers below 31,
 * minimal INTEGERs, TRUE as FF. What it hands out are views, so reading copies nothing.
 */
export class DerReader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  /** Whether the next element has this tag; false at the end. */
  nextIs(expected: number): boolean {
    return this.#bytes[this.#position] === expected
  }

  /** The next element, whatever it is. */
  element(): DerElement {
    const start = this.#position
    const body = headerEnd(this.#bytes, start)
    this.#position = body.end
    return {
      tag: this.#bytes[start] ?? 0,
      der: this.#bytes.subarray(start, body.end),
      contents: this.#bytes.subarray(body.start, body.end),
    }
  }

  /** The next element, which must have this tag. */
  expect(expected: number, what: string): DerElement {
    if (!this.nextIs(expected)) {
      const found = this.atEnd ? 'nothing' : `tag 0x${(this.#bytes[this.#position] ?? 0).toString(16)}`
      throw new DerError(`${what}: expected tag 0x${expected.toString(16)}, found ${found}`)
    }
    return this.element()
  }

  /** The contents of the next element if it has this tag. */
  optional(expected: number): Uint8Array | undefined {
    return this.nextIs(expected) ? this.element().contents : undefined
  }

  /** A reader over the contents of the next element, which must have this tag. */
  enter(expected: number, what: string): DerReader {
    return new DerReader(this.expect(expected, what).contents)
  }

  sequence(what: string): DerReader {
    return this.enter(tag.sequence, what)
  }

  /** Contents of an INTEGER, checked to be minimal. */
  integer(what: string): Uint8Array {
    const { contents } = this.expect(tag.integer, what)
    assertInteger(contents)
    return contents
  }

  /** An INTEGER from 0 to 2^31 - 1. */
  smallInteger(what: string): number {
    const contents = this.integer(what)
    if (contents.length > 4 || (contents[0] ?? 0) > 127) throw new DerError(`${what} is out of range`)
    return contents.reduce((value, octet) => value * 256 + octet, 0)
  }

  /** A BOOLEAN DEFAULT FALSE: absent or TRUE, since DER never writes a default (X.690 section 11.5). */
  defaultFalse(what: string): boolean {
    const contents = this.optional(tag.boolean)
    if (contents === undefined) return false
    assertBoolean(contents)
    if (contents[0] === 0) throw new DerError(`${what} is FALSE, which is the default and must be left out`)
    return true
  }

  /** Octets of a BIT STRING that has no unused bits. */
  octetAlignedBits(what: string): Uint8Array {
    const { contents } = this.expect(tag.bitString, what)
    if (contents.length === 0 || contents[0] !== 0) throw new DerError(`${what} is not a whole number of octets`)
    return contents.subarray(1)
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(what: string): string {
    return oidText(this.expect(tag.oid, what).contents)
  }

  /** Throws unless everything has been read. */
  end(what: string): void {
    if (!this.atEnd)
      throw new DerError(`${what} is followed by ${this.#bytes.length - this.#position} unexpected octets`)
  }
}

/** Reads one whole structure: `read` must use up every octet. */
export function readDer<T>(der: Uint8Array, what: string, read: (reader: DerReader) => T): T {
  const reader = new DerReader(der)
  const value = read(reader)
  reader.end(what)
  return value
}

const maximumDepth = 24

/**
 * Throws unless the bytes are exactly one element that is DER all the way down: also inside the parts that nobody
 * interprets. The order of a SET OF is not judged, since widespread libraries leave attributes unsorted.
 */
export function assertDer(der: Uint8Array): void {
  if (assertElement(der, 0, 0) !== der.length) throw new DerError('there are octets after the end of the structure')
}

function assertElement(bytes: Uint8Array, start: number, depth: number): number {
  if (depth > maximumDepth) throw new DerError('the structure is nested too deeply')
  const { start: bodyStart, end } = headerEnd(bytes, start)
  const identifier = bytes[start] ?? 0
  if ((identifier & 0x20) === 0) {
    assertPrimitive(identifier, bytes.subarray(bodyStart, end))
    return end
  }
  if (identifier < 0x40 && identifier !== tag.sequence && identifier !== tag.set) {
    throw new DerError(`tag 0x${identifier.toString(16)} must not be constructed`)
  }
  let position = bodyStart
  while (position < end) {
    position = assertElement(bytes, position, depth + 1)
    if (position > end) throw new DerError('an element is longer than the one around it')
  }
  return end
}

function assertPrimitive(identifier: number, contents: Uint8Array): void {
  switch (identifier) {
    case tag.boolean:
      return assertBoolean(contents)
    case tag.integer:
    case tag.enumerated:
      return assertInteger(contents)
    case tag.bitString:
      return assertBitString(contents)
    case tag.null:
      if (contents.length > 0) throw new DerError('a NULL has contents')
      return
    case tag.oid:
      oidText(contents)
      return
    case tag.sequence & 0x1f:
    case tag.set & 0x1f:
      throw new DerError('a SEQUENCE or SET must be constructed')
  }
}

function assertBoolean(contents: Uint8Array): void {
  const [value] = contents
  if (contents.length !== 1 || (value !== 0 && value !== 0xff)) throw new DerError('a BOOLEAN is neither 00 nor FF')
}

function assertInteger(contents: Uint8Array): void {
  const [first, second] = contents
  if (first === undefined) throw new DerError('an INTEGER is empty')
  if (second === undefined) return
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
    throw new DerError('an INTEGER is not in its shortest form')
  }
}

function assertBitString(contents: Uint8Array): void {
  const unused = contents[0]
  if (unused === undefined || unused > 7 || (contents.length === 1 && unused > 0)) {
    throw new DerError('a BIT STRING has a bad count of unused bits')
  }
  const last = contents[contents.length - 1] ?? 0
  if (unused > 0 && (last & ((1 << unused) - 1)) !== 0) throw new DerError('a BIT STRING has unused bits that are set')
}

/** Where the contents of the element at `start` begin and end. */
function headerEnd(bytes: Uint8Array, start: number): { start: number; end: number } {
  const identifier = bytes[start]
  const first = bytes[start + 1]
  if (identifier === undefined || first === undefined) throw new DerError('the structure is cut short')
  if ((identifier & 0x1f) === 0x1f) throw new DerError('tag numbers above 30 are not expected here')
  if (identifier === 0) throw new DerError('the structure has an end-of-contents mark')
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f
  const body = start + 2 + lengthOctets
  const end = body + (first < 0x80 ? first : longLength(bytes, start + 2, lengthOctets))
  if (end > bytes.length) throw new DerError('the structure is cut short')
  return { start: body, end }
}

function longLength(bytes: Uint8Array, start: number, octets: number): number {
  if (octets === 0) throw new DerError('a length is indefinite')
  if (octets > 3) throw new DerError('a length is longer than anything read here')
  let length = 0
  for (let index = start; index < start + octets; index++) {
    const octet = bytes[index]
    if (octet === undefined) throw new DerError('the structure is cut short')
    length = length * 256 + octet
  }
  const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3
  if (octets !== shortest) throw new DerError('a length is not in its shortest form')
  return length
}

/** Dotted text of the contents of an OBJECT IDENTIFIER. */
export function oidText(contents: Uint8Array): string {
  if (contents.length === 0 || contents.length > 64) throw new DerError('an object identifier has a bad length')
  const [first = 0, ...rest] = arcsOf(contents)
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - root * 40, ...rest].join('.')
}

function arcsOf(contents: Uint8Array): number[] {
  const arcs: number[] = []
  let arc = 0
  let complete = true
  for (const octet of contents) {
    if (complete && octet === 0x80) throw new DerError('an object identifier is not in its shortest form')
    arc = arc * 128 + (octet & 0x7f)
    // Arcs beyond 2^53 occur (UUIDs under 2.25), but in nothing that this engine reads.
    if (!Number.isSafeInteger(arc)) throw new DerError('an object identifier has an arc beyond 2^53')
    complete = octet < 0x80
    if (complete) {
      arcs.push(arc)
      arc = 0
    }
  }
  if (!complete) throw new DerError('an object identifier is cut short')
  return arcs
}
