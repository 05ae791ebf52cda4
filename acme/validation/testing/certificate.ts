import { generateKeyPairSync, sign } from 'node:crypto'

export interface TestCertificate {
  readonly key: string
  readonly cert: string
}

export interface CertificateOptions {
  commonName?: string
  /** The GeneralNames: context tag number and text. Absent: no subjectAltName extension. */
  subjectAltName?: [tag: number, text: string][]
  /** Whole Extension structures to add, from `extension`. */
  extensions?: Buffer[]
  /** Sign with a key that is not the certificate's. */
  signedByAnotherKey?: boolean
  issuerCommonName?: string
  /** UTCTime. */
  notAfter?: string
}

/** A certificate as a careless or hostile client might make it; nothing about it is checked. */
export function selfSignedCertificate(options: CertificateOptions = {}): TestCertificate {
  const { commonName = 'test', issuerCommonName = commonName, notAfter = '491231235959Z', extensions = [] } = options
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signingKey = options.signedByAnotherKey
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : keys.privateKey
  const names = options.subjectAltName?.map(([tag, text]) => der(0x80 + tag, Buffer.from(text)))
  const all = [...(names === undefined ? [] : [extension('2.5.29.17', sequence(...names))]), ...extensions]
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    ECDSA_WITH_SHA256,
    nameDer(issuerCommonName),
    sequence(der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from(notAfter))),
    nameDer(commonName),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(all.length === 0 ? [] : [der(0xa3, sequence(...all))]),
  )
  const signature = der(0x03, Buffer.of(0), sign('sha256', tbs, signingKey))
  const body = sequence(tbs, ECDSA_WITH_SHA256, signature).toString('base64')
  return {
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${(body.match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}

export function extension(oid: string, value: Buffer, { critical = false } = {}): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value))
}

/** One DER element. */
export function der(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents)
  const { length: n } = body
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 0xff]
  return Buffer.concat([Buffer.of(tag, ...length), body])
}

function sequence(...contents: Buffer[]): Buffer {
  return der(0x30, ...contents)
}

function nameDer(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectIdentifier('2.5.4.3'), der(0x0c, Buffer.from(commonName)))))
}

function objectIdentifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const arcs = [first * 40 + second, ...rest].map((arc) =>
    arc < 128 ? [arc] : arc < 16_384 ? [0x80 | (arc >> 7), arc & 0x7f] : [],
  )
  return der(0x06, Buffer.from(arcs.flat()))
}

const ECDSA_WITH_SHA256 = sequence(der(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])))
