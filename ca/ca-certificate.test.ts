import assert from 'node:assert/strict'
import { X509Certificate, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createSelfSignedCa, createSubordinateCa } from './ca-certificate.ts'
import type { CaCertificateSpec } from './ca-certificate.ts'
import { readCertificate } from './certificate-reader.ts'
import { oids } from './der/oids.ts'
import { readKeyUsage } from './extension-reader.ts'
import { loadIssuingCa, parseIssuerCertificate } from './issuer.ts'
import type { KeySpec } from './keys.ts'
import { generateSerialNumber } from './serial-number.ts'
import { createLocalSigner } from './signer.ts'
import {
  aKey,
  aRootCa,
  aSubordinateCa,
  assertRefused,
  caNotAfter,
  caNotBefore,
  p256,
  spkiOf,
} from './testing/builders.ts'

const key = await aKey(p256, 'subordinate')
const subjectPublicKeyInfoDer = spkiOf(key)

function spec(changes: Partial<CaCertificateSpec> = {}): CaCertificateSpec {
  return {
    subject: { commonName: 'Sub' },
    notBefore: caNotBefore,
    notAfter: caNotAfter,
    serialNumber: generateSerialNumber(),
    ...changes,
  }
}

for (const keySpec of [
  p256,
  { algorithm: 'ECDSA', curve: 'P-384' },
  { algorithm: 'ECDSA', curve: 'P-521' },
  { algorithm: 'RSA', bits: 2048 },
  { algorithm: 'Ed25519' },
] satisfies KeySpec[]) {
  test(`a root with a key of ${JSON.stringify(keySpec)} signs itself`, async () => {
    const { certificate } = await aRootCa({}, keySpec)
    const x509 = new X509Certificate(certificate.der)
    assert.ok(x509.ca && x509.checkIssued(x509) && x509.verify(x509.publicKey))
  })
}

test('a CA is read back as it was specified', async () => {
  const nameConstraints = {
    permitted: { dns: ['example.com'], ip: ['10.0.0.0/8'] },
    excluded: { dns: ['x.example.com'] },
  }
  const subject = { commonName: 'Example CA', organization: ['Example'], organizationalUnit: ['PKI'], country: ['DE'] }
  const { certificate } = await aRootCa({ subject, pathLength: 1, nameConstraints })
  assert.equal(certificate.pathLength, 1)
  assert.deepEqual(certificate.nameConstraints, nameConstraints)
  assert.deepEqual([certificate.notBefore, certificate.notAfter], [caNotBefore, caNotAfter])
  const x509 = new X509Certificate(certificate.pem)
  assert.equal(x509.subject, 'C=DE\nO=Example\nOU=PKI\nCN=Example CA')
  assert.equal(x509.fingerprint256.replaceAll(':', '').toLowerCase(), certificate.sha256Fingerprint)
  assert.equal(x509.serialNumber.toLowerCase(), certificate.serialNumber)
})

test('a CA has critical basicConstraints, keyUsage and nameConstraints, for certificates and CRLs alone', async () => {
  const { certificate } = await aRootCa({ nameConstraints: { permitted: { dns: ['example.com'] } } })
  const { extensions } = readCertificate(certificate.der).tbs
  assert.deepEqual(
    extensions.map(({ oid, critical }) => [oid, critical]),
    [
      [oids.subjectKeyIdentifier, false],
      [oids.keyUsage, true],
      [oids.basicConstraints, true],
      [oids.nameConstraints, true],
    ],
  )
  assert.deepEqual(readKeyUsage(extensions[1]!.valueDer), ['keyCertSign', 'cRLSign'])
})

test('a subordinate CA is signed by its issuer, names its key, and inherits its limits', async () => {
  const nameConstraints = { permitted: { dns: ['example.com'] } }
  const root = await aRootCa({ pathLength: 2, nameConstraints })
  const { certificate, chainPem, rootPem } = await aSubordinateCa(root)
  const x509 = new X509Certificate(certificate.der)
  const above = new X509Certificate(root.certificate.der)
  assert.ok(x509.checkIssued(above) && x509.verify(above.publicKey))
  assert.equal(certificate.pathLength, 1)
  assert.deepEqual(certificate.inherited, { pathLength: 1, nameConstraints: [nameConstraints], extendedKeyUsages: [] })
  assert.deepEqual([chainPem, rootPem], [certificate.pem, root.certificate.pem])
})

for (const [says, rootLength, wanted, expected] of [
  ['becomes the longest that is allowed where none is asked for', 3, undefined, 2],
  ['may be shorter than allowed', 3, 0, 0],
  ['is free below a free issuer', undefined, 5, 5],
  ['stays without limit below a free issuer', undefined, undefined, undefined],
] as const) {
  test(`the path length of a subordinate CA ${says}`, async () => {
    const root = await aRootCa({ pathLength: rootLength })
    assert.equal((await aSubordinateCa(root, { pathLength: wanted })).certificate.pathLength, expected)
  })
}

test('no CA is made below a path length of zero, nor one with more than the issuer has', async () => {
  const options = async (pathLength: number) => ({ subjectPublicKeyInfoDer, issuer: await aRootCa({ pathLength }) })
  await assertRefused('path-length-exceeded', async () => createSubordinateCa(spec(), await options(0)))
  await assertRefused('path-length-exceeded', async () =>
    createSubordinateCa(spec({ pathLength: 1 }), await options(1)),
  )
})

test('a path length further up is enforced where the issuer says nothing', async () => {
  const root = await aRootCa({ pathLength: 1 })
  const middle = await aSubordinateCa(root, { pathLength: 0 })
  const silent = { ...middle, certificate: { ...middle.certificate, pathLength: undefined } }
  await assertRefused('path-length-exceeded', () =>
    createSubordinateCa(spec(), { subjectPublicKeyInfoDer, issuer: silent }),
  )
})

test('a subordinate CA may not outlive its issuer, nor permit more names', async () => {
  const issuer = await aRootCa({ nameConstraints: { permitted: { dns: ['example.com'] } } })
  const late = spec({ notAfter: new Date(caNotAfter.getTime() + 1000) })
  await assertRefused('validity-outside-issuer', () => createSubordinateCa(late, { subjectPublicKeyInfoDer, issuer }))
  const wide = spec({ nameConstraints: { permitted: { dns: ['example.org'] } } })
  await assertRefused('invalid-name-constraints', () => createSubordinateCa(wide, { subjectPublicKeyInfoDer, issuer }))
})

test('a subordinate CA with URLs of its issuer passes the linter', async () => {
  const urls = { caIssuers: ['http://pki.test/root.crt'], crlDistributionPoints: ['http://pki.test/root.crl'] }
  const { certificate } = await aSubordinateCa(await aRootCa(), { urls })
  assert.match(new X509Certificate(certificate.der).infoAccess ?? '', /root\.crt/)
})

test('a subordinate CA may not have the name of its issuer', async () => {
  const issuer = await aRootCa()
  const twin = spec({ subject: { commonName: 'Test Root', organization: ['Test'] } })
  await assertRefused('invalid-subject', () => createSubordinateCa(twin, { subjectPublicKeyInfoDer, issuer }))
})

for (const [says, subject] of [
  ['no common name', { commonName: '' }],
  ['a common name of 65 characters', { commonName: 'x'.repeat(65) }],
  ['a control character', { commonName: 'a\nb' }],
  ['a country of three letters', { commonName: 'x', country: ['DEU'] }],
  ['an empty organization', { commonName: 'x', organization: [''] }],
] as const) {
  test(`a CA whose subject has ${says} is not made`, async () => {
    await assertRefused('invalid-subject', () => createSelfSignedCa(spec({ subject }), createLocalSigner(key)))
  })
}

test('the linter stops a CA that the specification makes wrong', async () => {
  const signer = createLocalSigner(key)
  for (const changes of [
    { serialNumber: new Uint8Array(20) },
    { notAfter: new Date(0) },
    { serialNumber: new Uint8Array(21).fill(1) },
  ]) {
    await assertRefused('lint-failed', () => createSelfSignedCa(spec(changes), signer))
  }
})

test('a CA with a weak key is not made', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  await assertRefused('weak-key', () => createSelfSignedCa(spec(), createLocalSigner(privateKey)))
})

test('a CA is not loaded with the key of another', async () => {
  const { certificate, rootPem } = await aRootCa()
  const input = { certificateDer: certificate.der, chainPem: '', rootPem }
  await assertRefused('key-mismatch', () => loadIssuingCa(input, key))
})

test('what is no certificate is not read as one', async () => {
  await assertRefused('certificate-unparseable', () => parseIssuerCertificate(Uint8Array.of(0x30, 0)))
})
