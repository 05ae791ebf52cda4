import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface CsrName {
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'directory' | 'registered-id' | 'other'
  /** Text; for `ip` dotted IPv4, for the last three the hex of the tagged content. */
  readonly value: string
}

export interface CsrOptions {
  readonly privateKey?: KeyObject
  readonly commonName?: string
  /** Further attributes of the subject, by OID. */
  readonly subject?: readonly { readonly oid: string; readonly value: string }[]
  readonly names?: readonly CsrName[]
  /** DER of further Extension values, beside the subjectAltName. */
  readonly extensions?: readonly Uint8Array[]
  readonly tamper?: (signature: Buffer) => Uint8Array
}

/** A certificate request for DNS names, with a key of its own. */
export function csrFor(dnsNames: readonly string[], options: CsrOptions = {}): { der: Buffer; privateKey: KeyObject } {
  const privateKey = options.privateKey ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const names = [...dnsNames.map((value) => ({ type: 'dns', value }) as const), ...(options.names ?? [])]
  return { der: buildCsr({ ...options, privateKey, names }), privateKey }
}

/** RFC 2986, with whatever odd names are asked for. Shares no code with the CA. */
export function buildCsr(options: CsrOptions & { readonly privateKey: KeyObject }): Buffer {
  const { privateKey } = options
  const publicKeyDer = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const info = sequence(der(0x02, [0]), subject(options), publicKeyDer, der(0xa0, attributes(options)))
  const { digest, algorithm } = signatureScheme(privateKey)
  const signature = sign(digest, info, privateKey)
  const sent = options.tamper ? options.tamper(signature) : signature
  return sequence(info, algorithm, der(0x03, [0], sent))
}

/** One Extension, to be added to a CSR. */
export function extension(id: string, valueDer: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, [0xff])] : []), der(0x04, valueDer))
}

/** A DER SEQUENCE of encoded values. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, ...parts)
}

/** One DER value of up to 64 KiB. */
export function der(tag: number, ...content: readonly (Uint8Array | readonly number[])[]): Buffer {
  const body = Buffer.concat(content.map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from([tag]), length(body.length), body])
}

/** A DER OBJECT IDENTIFIER. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number)
  return der(0x06, [first * 40 + second, ...others.flatMap(base128)])
}

function base128(arc: number): number[] {
  const octets = [arc & 0x7f]
  for (let rest = arc >> 7; rest > 0; rest >>= 7) octets.unshift((rest & 0x7f) | 0x80)
  return octets
}

function length(octets: number): Buffer {
  if (octets < 0x80) return Buffer.from([octets])
  const bytes = Buffer.from(octets.toString(16).padStart(octets > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

function subject({ commonName, subject = [] }: CsrOptions): Buffer {
  const attributes = [...(commonName === undefined ? [] : [{ oid: '2.5.4.3', value: commonName }]), ...subject]
  return sequence(
    ...attributes.map(({ oid: id, value }) => der(0x31, sequence(oid(id), der(0x0c, Buffer.from(value))))),
  )
}

function attributes({ names = [], extensions = [] }: CsrOptions): Buffer {
  const altNames = names.length > 0 ? [extension('2.5.29.17', sequence(...names.map(generalName)))] : []
  const requested = [...altNames, ...extensions]
  if (requested.length === 0) return Buffer.alloc(0)
  return sequence(oid('1.2.840.113549.1.9.14'), der(0x31, sequence(...requested)))
}

const nameTags: Record<CsrName['type'], number> = {
  other: 0xa0,
  email: 0x81,
  dns: 0x82,
  directory: 0xa4,
  uri: 0x86,
  ip: 0x87,
  'registered-id': 0x88,
}

function generalName({ type, value }: CsrName): Buffer {
  const isHex = type === 'other' || type === 'directory' || type === 'registered-id'
  const content = type === 'ip' ? value.split('.').map(Number) : Buffer.from(value, isHex ? 'hex' : 'latin1')
  return der(nameTags[type], content)
}

function signatureScheme(key: KeyObject): { digest: string | null; algorithm: Buffer } {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return { digest: 'sha256', algorithm: sequence(oid('1.2.840.10045.4.3.2')) }
    case 'rsa':
      return { digest: 'sha256', algorithm: sequence(oid('1.2.840.113549.1.1.11'), der(0x05)) }
    case 'ed25519':
      return { digest: null, algorithm: sequence(oid('1.3.101.112')) }
    default:
      throw new TypeError(`no CSR signature for a key of type ${key.asymmetricKeyType}`)
  }
}
