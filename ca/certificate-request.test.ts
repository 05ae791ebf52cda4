import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { parseCertificateRequest } from './certificate-request.ts'
import type { CertificateRequest } from './certificate-request.ts'
import { oids } from './der/oids.ts'
import { tag } from './der/tags.ts'
import { booleanTrue, element, oid, sequence, setOfOne, smallInteger, utf8String } from './der/writer.ts'
import { writeName } from './distinguished-name.ts'
import { CaError } from './errors.ts'
import type { CaErrorCode } from './errors.ts'
import { generalNameTag } from './general-names.ts'
import { aKey, assertRefused, p256, spkiOf } from './testing/builders.ts'
import { aRequest, attribute, extension, extensionRequest, subjectAltName } from './testing/request-builder.ts'
import { haveTools, scratchFolder, tool } from './testing/verifiers.ts'

const key = await aKey(p256, 'request')
const anotherKey = await aKey(p256, 'another')
const rsaKey = await aKey({ algorithm: 'RSA', bits: 2048 }, 'request')
const dns = (name: string): [number, string] => [generalNameTag.dNSName, name]

const keyArguments = {
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'P-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  'RSA-2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  Ed25519: ['-algorithm', 'ED25519'],
} as const

/** What openssl makes of these arguments. `config` is put below `[req]`. */
async function opensslRequest(
  t: TestContext,
  given: { key?: keyof typeof keyArguments; args?: string[]; config?: string },
): Promise<Uint8Array> {
  const folder = await scratchFolder(t)
  const [keyFile, config, out] = ['key.pem', 'req.cnf', 'req.der'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await writeFile(config, `[req]\ndistinguished_name=dn\n${given.config ?? ''}\n[dn]\n`)
  await tool('openssl', 'genpkey', ...keyArguments[given.key ?? 'P-256'], '-out', keyFile)
  const args = given.args ?? ['-subj', '/', '-addext', 'subjectAltName=DNS:www.example.com']
  await tool('openssl', 'req', '-new', '-config', config, '-key', keyFile, '-outform', 'DER', '-out', out, ...args)
  return readFile(out)
}

for (const kind of ['P-256', 'P-384', 'P-521', 'RSA-2048', 'Ed25519'] as const) {
  test(`a request that openssl makes with a ${kind} key is read`, async (t) => {
    if (!haveTools(t, 'openssl')) return
    const der = await opensslRequest(t, { key: kind })
    const request = parseCertificateRequest(der)
    assert.deepEqual(request.names, [{ type: 'dns', value: 'www.example.com' }])
    assert.deepEqual(request.commonNames, [])
    assert.equal(request.subjectAttributes, 0)
    assert.deepEqual(request.requestedExtensions, [oids.subjectAltName])
    assert.deepEqual(
      request.publicKey.export({ type: 'spki', format: 'der' }),
      Buffer.from(request.subjectPublicKeyInfoDer),
    )
  })
}

const accepted: [says: string, given: Parameters<typeof opensslRequest>[1], expected: Partial<CertificateRequest>][] = [
  [
    'a common name and no extension',
    { args: ['-subj', '/O=Example/CN=www.example.com'] },
    { commonNames: ['www.example.com'], subjectAttributes: 2, names: [], requestedExtensions: [] },
  ],
  [
    'several common names',
    { args: ['-subj', '/CN=a.example.com/CN=b.example.com'] },
    { commonNames: ['a.example.com', 'b.example.com'], subjectAttributes: 2 },
  ],
  [
    'two attributes in one relative distinguished name',
    { args: ['-multivalue-rdn', '-subj', '/O=Example+CN=www.example.com'] },
    { commonNames: ['www.example.com'], subjectAttributes: 2 },
  ],
  [
    'a common name in UTF-8',
    { args: ['-utf8', '-subj', '/CN=Bücher'] },
    { commonNames: ['Bücher'], subjectAttributes: 1 },
  ],
  [
    'a subjectAltName of every type',
    {
      args: ['-subj', '/', '-reqexts', 'ext'],
      config: [
        '[ext]',
        'subjectAltName=DNS:A.example.com,IP:10.0.0.1,IP:2001:DB8::1,email:a@example.com,URI:https://example.com/,RID:1.2.3,dirName:dir,otherName:1.2.3;UTF8:x',
        '[dir]',
        'CN=x',
      ].join('\n'),
    },
    {
      names: [
        { type: 'dns', value: 'A.example.com' },
        { type: 'ip', value: '10.0.0.1' },
        { type: 'ip', value: '2001:db8::1' },
        { type: 'email', value: 'a@example.com' },
        { type: 'uri', value: 'https://example.com/' },
        { type: 'registered-id', value: '1.2.3' },
        { type: 'directory', value: '300c310a300806035504030c0178' },
        { type: 'other', value: 'a00906022a03a0030c0178' },
      ],
    },
  ],
  [
    'a challenge password beside the extensions',
    {
      args: ['-subj', '/', '-addext', 'subjectAltName=DNS:www.example.com'],
      config: 'attributes=attributes\nprompt=no\n[attributes]\nchallengePassword=secret word',
    },
    { names: [{ type: 'dns', value: 'www.example.com' }] },
  ],
  [
    'critical usages and an explicit CA:FALSE',
    {
      args: '-subj / -addext subjectAltName=critical,DNS:www.example.com -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=critical,serverAuth -addext basicConstraints=critical,CA:FALSE'.split(
        ' ',
      ),
    },
    { requestedExtensions: [oids.subjectAltName, oids.keyUsage, oids.extKeyUsage, oids.basicConstraints] },
  ],
  [
    'must-staple',
    { args: ['-subj', '/', '-addext', 'tlsfeature=status_request'] },
    { requestedExtensions: [oids.tlsFeature] },
  ],
  ['SHA-512 with P-256', { args: ['-sha512', '-subj', '/CN=x'] }, { commonNames: ['x'] }],
  ['SHA-384 with RSA', { key: 'RSA-2048', args: ['-sha384', '-subj', '/CN=x'] }, { commonNames: ['x'] }],
]

for (const [says, given, expected] of accepted) {
  test(`a request of openssl with ${says} is read`, async (t) => {
    if (!haveTools(t, 'openssl')) return
    const request = parseCertificateRequest(await opensslRequest(t, given))
    for (const [member, value] of Object.entries(expected)) {
      assert.deepEqual(request[member as keyof CertificateRequest], value, member)
    }
  })
}

const refusedShapes: [says: string, code: CaErrorCode, given: Parameters<typeof opensslRequest>[1]][] = [
  ['RSA-PSS', 'csr-bad-signature', { key: 'RSA-2048', args: ['-sigopt', 'rsa_padding_mode:pss', '-subj', '/CN=x'] }],
  ['SHA-1', 'csr-bad-signature', { key: 'RSA-2048', args: ['-sha1', '-subj', '/CN=x'] }],
  ['a request for a CA', 'csr-bad-extension', { args: ['-subj', '/', '-addext', 'basicConstraints=CA:TRUE'] }],
  [
    'a critical extension that nobody knows',
    'csr-bad-extension',
    { args: ['-subj', '/', '-addext', '1.2.3.4=critical,DER:0500'] },
  ],
]

for (const [says, code, given] of refusedShapes) {
  test(`a request of openssl with ${says} is refused`, async (t) => {
    if (!haveTools(t, 'openssl')) return
    const der = await opensslRequest(t, given)
    await assertRefused(code, () => parseCertificateRequest(der))
  })
}

const san = subjectAltName(dns('www.example.com'))
const emptySan = extension(oids.subjectAltName, sequence())
const commonNameOf = (value: Uint8Array) => sequence(setOfOne(sequence(oid(oids.commonName), value)))

const hostile: [says: string, code: CaErrorCode, der: Uint8Array][] = [
  ['version 2', 'csr-unparseable', aRequest(key, { version: smallInteger(1) })],
  ['octets after its end', 'csr-unparseable', Buffer.concat([aRequest(key), Uint8Array.of(0)])],
  ['an element too many', 'csr-unparseable', aRequest(key, { trailing: smallInteger(0) })],
  [
    'two extensionRequests',
    'csr-unparseable',
    aRequest(key, { attributes: [extensionRequest(san), extensionRequest(san)] }),
  ],
  [
    'two values in its extensionRequest',
    'csr-bad-extension',
    aRequest(key, { attributes: [attribute(oids.extensionRequest, sequence(san), sequence(san))] }),
  ],
  [
    'an attribute without a value',
    'csr-unparseable',
    aRequest(key, { attributes: [attribute(oids.extensionRequest)] }),
  ],
  [
    'the extensions in the attribute of Microsoft',
    'csr-bad-extension',
    aRequest(key, { attributes: [attribute(oids.microsoftCertificateExtensions, sequence(san))] }),
  ],
  ['the same extension twice', 'csr-bad-extension', aRequest(key, { extensions: [san, san] })],
  ['no extension in its extensionRequest', 'csr-bad-extension', aRequest(key, { extensions: [] })],
  [
    'an extension that says it is not critical',
    'csr-bad-extension',
    aRequest(key, { extensions: [sequence(oid('1.2.3'), Uint8Array.of(1, 1, 0), Uint8Array.of(4, 0))] }),
  ],
  [
    'basicConstraints that are none',
    'csr-bad-extension',
    aRequest(key, { extensions: [extension(oids.basicConstraints, smallInteger(1))] }),
  ],
  [
    'cA hidden in sloppy DER',
    'csr-bad-extension',
    aRequest(key, { extensions: [extension(oids.basicConstraints, sequence(Uint8Array.of(1, 1, 1)))] }),
  ],
  [
    'cA beside a path length',
    'csr-bad-extension',
    aRequest(key, { extensions: [extension(oids.basicConstraints, sequence(booleanTrue, smallInteger(0)))] }),
  ],
  ['no name in its subjectAltName', 'csr-bad-name', aRequest(key, { extensions: [emptySan] })],
  [
    'an address of five octets',
    'csr-bad-name',
    aRequest(key, { extensions: [subjectAltName([generalNameTag.iPAddress, new Uint8Array(5)])] }),
  ],
  [
    'a NUL in a DNS name',
    'csr-bad-name',
    aRequest(key, { extensions: [subjectAltName(dns('www.example.com\0.evil.com'))] }),
  ],
  ['an empty DNS name', 'csr-bad-name', aRequest(key, { extensions: [subjectAltName(dns(''))] })],
  [
    'a DNS name that is not ASCII',
    'csr-bad-name',
    aRequest(key, { extensions: [subjectAltName(dns('bücher.example.com'))] }),
  ],
  ['a space in a DNS name', 'csr-bad-name', aRequest(key, { extensions: [subjectAltName(dns('a b.example.com'))] })],
  ['a name of no type', 'csr-bad-name', aRequest(key, { extensions: [subjectAltName([0x9e, 'x'])] })],
  ['a NUL in its common name', 'csr-bad-name', aRequest(key, { subjectDer: commonNameOf(utf8String('a\0b')) })],
  [
    'a common name that is not UTF-8',
    'csr-bad-name',
    aRequest(key, { subjectDer: commonNameOf(element(tag.utf8String, Uint8Array.of(0xff))) }),
  ],
  ['a common name that is a number', 'csr-bad-name', aRequest(key, { subjectDer: commonNameOf(smallInteger(7)) })],
  ['the signature of another key', 'csr-bad-signature', aRequest(key, { subjectPublicKeyInfoDer: spkiOf(anotherKey) })],
  [
    'an algorithm of another kind of key',
    'csr-bad-signature',
    aRequest(key, { algorithmDer: sequence(oid(oids.sha256WithRSAEncryption)) }),
  ],
  [
    'an unknown signature algorithm',
    'csr-bad-signature',
    aRequest(key, { algorithmDer: sequence(oid('1.2.840.113549.1.1.4'), Uint8Array.of(5, 0)) }),
  ],
  [
    'parameters beside ECDSA',
    'csr-unparseable',
    aRequest(key, { algorithmDer: sequence(oid(oids.ecdsaWithSHA256), Uint8Array.of(5, 0)) }),
  ],
  [
    'a key of no algorithm',
    'malformed-key',
    aRequest(key, { subjectPublicKeyInfoDer: sequence(sequence(oid('1.2.3')), Uint8Array.of(3, 1, 0)) }),
  ],
  [
    'more than 32 KiB',
    'csr-too-large',
    aRequest(key, { subjectDer: writeName({ organization: Array.from({ length: 800 }, () => 'x'.repeat(40)) }) }),
  ],
  ['a hundred levels', 'csr-unparseable', nested(100)],
  ['eight thousand levels', 'csr-unparseable', nested(8000)],
  ['an indefinite length', 'csr-unparseable', Uint8Array.of(0x30, 0x80, 0, 0)],
  ['a length of four gigabytes', 'csr-unparseable', Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff)],
  ['nothing', 'csr-unparseable', new Uint8Array()],
]

function nested(levels: number): Uint8Array {
  let der = sequence()
  for (let level = 0; level < levels && der.length < 16_000; level++) der = sequence(der)
  return der
}

for (const [says, code, der] of hostile) {
  test(`a request with ${says} is refused as ${code}`, async () => {
    await assertRefused(code, () => parseCertificateRequest(der))
  })
}

test('a request without attributes at all is read, as some clients write it', () => {
  assert.deepEqual(parseCertificateRequest(aRequest(key, { attributes: 'left out' })).requestedExtensions, [])
})

test('a request with an explicit CA:FALSE in basicConstraints is read, though it is not DER', () => {
  const constraints = extension(oids.basicConstraints, sequence(Uint8Array.of(1, 1, 0)))
  assert.deepEqual(parseCertificateRequest(aRequest(key, { extensions: [constraints] })).requestedExtensions, [
    oids.basicConstraints,
  ])
})

for (const [says, type, contents] of [
  ['BMPString', tag.bmpString, Buffer.from('Bücher', 'utf16le').swap16()],
  ['TeletexString', tag.teletexString, Buffer.from('Bücher', 'latin1')],
  ['UTF8String', tag.utf8String, Buffer.from('Bücher')],
] as const) {
  test(`a common name in a ${says} is read`, () => {
    const der = aRequest(key, { subjectDer: commonNameOf(element(type, contents)) })
    assert.deepEqual(parseCertificateRequest(der).commonNames, ['Bücher'])
  })
}

test('a common name in half a BMPString is refused', async () => {
  const der = aRequest(key, { subjectDer: commonNameOf(element(tag.bmpString, Uint8Array.of(0, 0x41, 0))) })
  await assertRefused('csr-bad-name', () => parseCertificateRequest(der))
})

const seeds = [
  aRequest(key, { subjectDer: writeName({ commonName: 'www.example.com' }), extensions: [san] }),
  aRequest(rsaKey, { extensions: [san] }),
]

test('every flipped bit in a request is refused with a CaError', () => {
  const [seed] = seeds
  for (let bit = 0; bit < seed!.length * 8; bit++) {
    const mutant = seed!.slice()
    mutant[bit >> 3] = (mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(() => parseCertificateRequest(mutant), CaError, `bit ${bit & 7} of octet ${bit >> 3}`)
  }
})

test('whatever the bytes, a request is refused with a CaError and at once', () => {
  const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: -2, max: 255 })), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds, new Uint8Array()),
      mutations,
      fc.uint8Array({ maxLength: 40 }),
      (seed, edits, tail) => {
        const octets = [...seed, ...tail]
        for (const [place, edit] of edits) {
          if (edit === -1) octets.splice(place % (octets.length + 1), 1)
          else if (edit === -2) octets.splice(place % (octets.length + 1), 0, place & 0xff)
          else if (octets.length > 0) octets[place % octets.length] = edit
        }
        const before = process.threadCpuUsage()
        try {
          parseCertificateRequest(Uint8Array.from(octets))
        } catch (error) {
          assert.ok(error instanceof CaError, String(error))
        }
        // CPU time, in microseconds: a busy machine stretches any other.
        assert.ok(process.threadCpuUsage(before).user < 100_000)
      },
    ),
    { numRuns: 3000 },
  )
})
