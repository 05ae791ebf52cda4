import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { createServer, type TlsOptions } from 'node:tls'
import { type CertificateOptions, der, extension, selfSignedCertificate } from './testing/certificate.ts'
import { closedPort, listen, problemOf, startTcpServer, testDialer } from './testing/context.ts'
import { startDnsServer, zone } from './testing/dns-server.ts'
import { checkTlsAlpn01 } from './tls-alpn-01.ts'

const name = 'app.test'
const keyAuthorization = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI'
const dns = zone({ [`A ${name}`]: '127.0.0.1' })

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The acmeIdentifier extension around an OCTET STRING of these octets. */
function acmeIdentifier(octets = digestOf(keyAuthorization), options = { critical: true }): Buffer {
  return extension('1.3.6.1.5.5.7.1.31', der(0x04, octets), options)
}

/** A correct answer, unless told otherwise. */
function challengeCertificate(options: CertificateOptions = {}): TlsOptions {
  return selfSignedCertificate({ subjectAltName: [[2, name]], extensions: [acmeIdentifier()], ...options })
}

async function check(t: TestContext, port: number, signal = new AbortController().signal): Promise<void> {
  const dnsServer = await startDnsServer(t, dns)
  await checkTlsAlpn01(
    { dialer: testDialer(dnsServer.address, { signal }), port, signal },
    {
      type: 'tls-alpn-01',
      identifier: { type: 'dns', value: name },
      token: 'unused',
      keyAuthorization,
      policy: { resolvers: [], allowedNetworks: [] },
    },
  )
}

async function checkServer(t: TestContext, options: TlsOptions): Promise<void> {
  await check(t, await listen(t, createServer({ ALPNProtocols: ['acme-tls/1'], ...options })))
}

test('the right certificate is accepted, and asked for by SNI and ALPN', async (t) => {
  const seen: unknown[] = []
  const server = createServer({
    ...challengeCertificate(),
    ALPNCallback: ({ servername, protocols }) => {
      seen.push(servername, protocols)
      return 'acme-tls/1'
    },
  })
  await check(t, await listen(t, server))
  assert.deepEqual(seen, [name, ['acme-tls/1']])
})

const accepted: [about: string, options: TlsOptions][] = [
  [
    'a certificate whose key may not sign certificates, as lego makes it,',
    challengeCertificate({ extensions: [acmeIdentifier(), extension('2.5.29.15', der(0x03, Buffer.of(5, 0x20)))] }),
  ],
  ['the name in another case', challengeCertificate({ subjectAltName: [[2, 'APP.test']] })],
  ['an empty subject', challengeCertificate({ commonName: '' })],
  ['another name as CN', challengeCertificate({ commonName: 'ACME challenge' })],
  ['an expired certificate', challengeCertificate({ notAfter: '210101000000Z' })],
  ['a further extension', challengeCertificate({ extensions: [extension('2.5.29.19', der(0x30)), acmeIdentifier()] })],
  ['TLS 1.2', { ...challengeCertificate(), maxVersion: 'TLSv1.2' }],
]
for (const [about, options] of accepted) {
  test(`${about} is accepted`, async (t) => {
    await checkServer(t, options)
  })
}

describe('certificates that prove nothing', () => {
  const refused: [about: string, options: TlsOptions, detail: RegExp][] = [
    ['no acmeIdentifier', challengeCertificate({ extensions: [] }), /no acmeIdentifier/],
    [
      'one that is not critical',
      challengeCertificate({ extensions: [acmeIdentifier(undefined, { critical: false })] }),
      /not critical/,
    ],
    [
      'another key authorization',
      challengeCertificate({ extensions: [acmeIdentifier(digestOf('other'))] }),
      /another key authorization/,
    ],
    [
      'a short digest',
      challengeCertificate({ extensions: [acmeIdentifier(digestOf('x').subarray(1))] }),
      /no SHA-256 digest/,
    ],
    ['a long digest', challengeCertificate({ extensions: [acmeIdentifier(Buffer.alloc(33))] }), /no SHA-256 digest/],
    [
      'a digest without its OCTET STRING',
      challengeCertificate({
        extensions: [extension('1.3.6.1.5.5.7.1.31', digestOf(keyAuthorization), { critical: true })],
      }),
      /no SHA-256 digest/,
    ],
    [
      'a digest in a UTF8String',
      challengeCertificate({
        extensions: [extension('1.3.6.1.5.5.7.1.31', der(0x0c, digestOf(keyAuthorization)), { critical: true })],
      }),
      /another key authorization/,
    ],
    [
      'acmeIdentifier twice',
      challengeCertificate({ extensions: [acmeIdentifier(), acmeIdentifier()] }),
      /cannot be read/,
    ],
    [
      'the identifier of the draft',
      challengeCertificate({
        extensions: [extension('1.3.6.1.5.5.7.1.30.1', der(0x04, digestOf(keyAuthorization)), { critical: true })],
      }),
      /no acmeIdentifier/,
    ],
    ['no names', selfSignedCertificate({ extensions: [acmeIdentifier()] }), /no subjectAltName/],
    [
      'the name as CN only',
      selfSignedCertificate({ commonName: name, extensions: [acmeIdentifier()] }),
      /no subjectAltName/,
    ],
    [
      'two names',
      challengeCertificate({
        subjectAltName: [
          [2, name],
          [2, 'other.test'],
        ],
      }),
      /2 names/,
    ],
    [
      'the name twice',
      challengeCertificate({
        subjectAltName: [
          [2, name],
          [2, name],
        ],
      }),
      /2 names/,
    ],
    [
      'a DNS name and an address',
      challengeCertificate({
        subjectAltName: [
          [2, name],
          [7, 'abcd'],
        ],
      }),
      /2 names/,
    ],
    ['another name', challengeCertificate({ subjectAltName: [[2, 'other.test']] }), /names something else/],
    ['a wildcard', challengeCertificate({ subjectAltName: [[2, '*.test']] }), /names something else/],
    ['the name with a dot', challengeCertificate({ subjectAltName: [[2, `${name}.`]] }), /names something else/],
    ['the name with a NUL', challengeCertificate({ subjectAltName: [[2, `${name}\0`]] }), /names something else/],
    ['the name as a URI', challengeCertificate({ subjectAltName: [[6, name]] }), /names something else/],
    ['the name as an email address', challengeCertificate({ subjectAltName: [[1, name]] }), /names something else/],
    ['an empty list of names', challengeCertificate({ subjectAltName: [] }), /0 names/],
    ['an issuer of another name', challengeCertificate({ issuerCommonName: 'a CA' }), /not self-signed/],
    ["another key's signature", challengeCertificate({ signedByAnotherKey: true }), /not self-signed/],
  ]
  for (const [about, options, detail] of refused) {
    test(`${about} is refused`, async (t) => {
      const problem = await problemOf(checkServer(t, options))
      assert.equal(problem.type, 'incorrectResponse')
      assert.match(problem.detail, detail)
      assert.ok(problem.retry)
    })
  }
})

describe('handshakes that fail', () => {
  test('a server without ALPN is refused', async (t) => {
    const problem = await problemOf(check(t, await listen(t, createServer(challengeCertificate()))))
    assert.equal(problem.detail, 'app.test did not negotiate acme-tls/1 (ALPN).')
  })

  test('a server of other protocols is refused', async (t) => {
    const problem = await problemOf(checkServer(t, { ...challengeCertificate(), ALPNProtocols: ['h2', 'http/1.1'] }))
    assert.equal(problem.type, 'tls')
    assert.match(problem.detail, /\(ALPN\)/)
  })

  test('TLS 1.1 is refused', async (t) => {
    const problem = await problemOf(
      checkServer(t, {
        ...challengeCertificate(),
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
    )
    assert.equal(problem.type, 'tls')
    assert.match(problem.detail, /TLS 1\.2 or newer/)
  })

  test('a server that does not speak TLS is refused without repeating it', async (t) => {
    const { port } = await startTcpServer(t, (socket) => socket.end('220 mail.inner.corp ESMTP\r\n'))
    const problem = await problemOf(check(t, port))
    assert.deepEqual(problem, {
      type: 'tls',
      detail: 'app.test failed the TLS handshake: it does not speak TLS.',
      retry: true,
    })
  })

  test('a connection that is closed is a tls problem', async (t) => {
    const { port } = await startTcpServer(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()))
    assert.equal((await problemOf(check(t, port))).type, 'tls')
  })

  test('a refused connection is a connection problem', async (t) => {
    assert.equal((await problemOf(check(t, await closedPort()))).type, 'connection')
  })

  test('a server that never answers is left when the time is over, and its socket closed', async (t) => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const controller = new AbortController()
    const { port } = await startTcpServer(t, (socket) => {
      socket.on('close', () => resolve())
      socket.once('data', () => controller.abort(new Error('time is over')))
    })
    await assert.rejects(check(t, port, controller.signal), /time is over/)
    await closed
  })

  test('the connection is closed after a success too', async (t) => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const server = createServer({ ...challengeCertificate(), ALPNProtocols: ['acme-tls/1'] })
    server.on('connection', (socket: Socket) => socket.on('close', () => resolve()))
    await check(t, await listen(t, server))
    await closed
  })
})
