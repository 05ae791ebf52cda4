/** An extension of a certificate; the type is the OID's contents in hexadecimal. */
export interface CertificateExtension {
  readonly type: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** A GeneralName of RFC 5280 section 4.2.1.6, by its identifier octet. */
export interface TaggedName {
  readonly tag: number
  readonly contents: Uint8Array
}

/**
 * The extensions of a certificate (RFC 5280 section 4.1), none for a certificate without any. Reads DER only: what is
 * encoded in another way, comes twice or is followed by anything throws. The rest of the certificate is passed over, since
 * challenge certificates are made by many programs and nothing else of them matters.
 */
export function readExtensions(certificateDer: Uint8Array): CertificateExtension[] {
  const [certificate] = exactly(1, elements(certificateDer))
  const [tbsCertificate] = elements(contentsOf(certificate, TAG.sequence))
  const last = elements(contentsOf(tbsCertificate, TAG.sequence)).at(-1)
  if (last?.tag !== TAG.extensions) return []
  const [list] = exactly(1, elements(last.contents))
  const extensions = elements(contentsOf(list, TAG.sequence)).map(readExtension)
  if (new Set(extensions.map(({ type }) => type)).size < extensions.length) throw new Error('an extension comes twice')
  return extensions
}

/** The names in the value of a subjectAltName extension; throws for anything but a list of names. */
export function readGeneralNames(value: Uint8Array): TaggedName[] {
  const [list] = exactly(1, elements(value))
  return elements(contentsOf(list, TAG.sequence))
}

const TAG = { boolean: 0x01, octetString: 0x04, oid: 0x06, sequence: 0x30, extensions: 0xa3 }

interface Element {
  readonly tag: number
  readonly contents: Uint8Array
}

function readExtension(element: Element): CertificateExtension {
  const parts = elements(contentsOf(element, TAG.sequence))
  const hasCriticality = parts.length === 3
  const [type, value] = exactly(2, hasCriticality ? parts.toSpliced(1, 1) : parts)
  if (hasCriticality) requireTrue(parts[1])
  return {
    type: Buffer.from(contentsOf(type, TAG.oid)).toString('hex'),
    critical: hasCriticality,
    value: contentsOf(value, TAG.octetString),
  }
}

/** FALSE is the default of `critical`, and DER leaves defaults out. */
function requireTrue(element: Element | undefined): void {
  const contents = contentsOf(element, TAG.boolean)
  if (contents.length !== 1 || contents[0] !== 0xff) throw new Error('a BOOLEAN is not TRUE in DER')
}

function contentsOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new Error('an element has another type than expected')
  return element.contents
}

function exactly(count: number, found: Element[]): Element[] {
  if (found.length !== count) throw new Error('there are more or fewer elements than expected')
  return found
}

/** The elements that the bytes consist of, with definite and shortest lengths and tag numbers below 31. */
function elements(der: Uint8Array): Element[] {
  const found: Element[] = []
  let position = 0
  while (position < der.length) {
    const tag = der[position] ?? 0
    const { length, start } = readLength(der, position + 1)
    if ((tag & 0x1f) === 0x1f || start + length > der.length) throw new Error('an element does not fit')
    found.push({ tag, contents: der.subarray(start, start + length) })
    position = start + length
  }
  return found
}

function readLength(der: Uint8Array, position: number): { length: number; start: number } {
  const first = der[position] ?? Number.NaN
  if (first < 0x80) return { length: first, start: position + 1 }
  const start = position + 1 + (first & 0x7f)
  const octets = der.subarray(position + 1, start)
  const length = octets.reduce((value, octet) => value * 256 + octet, 0)
  const isShortest = octets[0] !== 0 && length >= 0x80
  // Three octets are far more than a handshake carries; an indefinite length has none and fails the test for shortness.
  if (octets.length > 3 || !isShortest || start > der.length) throw new Error('a length is not in DER')
  return { length, start }
}
