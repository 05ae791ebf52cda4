import assert from 'node:assert/strict'
import { X509Certificate, hash } from 'node:crypto'
import { test } from 'node:test'
import { readCertificate } from './certificate-reader.ts'
import { oids } from './der/oids.ts'
import { decodePem } from './pem.ts'
import { readBasicConstraints, readKeyUsage, readSubjectAltName } from './extension-reader.ts'
import { buildLeafTbs } from './leaf-certificate.ts'
import type { LeafPlan } from './leaf-certificate.ts'
import type { KeySpec } from './keys.ts'
import { aKey, aLeafPlan, aRootCa, assertRefused, p256, signedLeafPem, spkiOf } from './testing/builders.ts'
import type { KeyUsage } from './usages.ts'

const root = await aRootCa()

async function leaf(changes: Partial<LeafPlan> = {}, keySpec: KeySpec = p256) {
  const plan = await aLeafPlan(root, changes, keySpec)
  const pem = await signedLeafPem(root, plan)
  const { tbs } = readCertificate(decodePem(pem, 'CERTIFICATE')[0]!)
  const extensionOf = (oid: string) => tbs.extensions.find((extension) => extension.oid === oid)
  return { plan, tbs, extensionOf, x509: new X509Certificate(pem) }
}

test('a leaf says what was planned, as node:crypto reads it', async () => {
  const { plan, x509 } = await leaf({
    dnsNames: ['www.example.com', '*.example.com'],
    ipAddresses: ['10.0.0.1', 'fd00::1'],
    commonName: 'www.example.com',
    organization: ['Example', 'Söhne'],
    extendedKeyUsages: ['serverAuth', 'clientAuth'],
    urls: { caIssuers: ['http://pki.test/ca.crt'], ocsp: ['http://pki.test/ocsp'] },
  })
  assert.equal(x509.subject, 'O=Example\nO=Söhne\nCN=www.example.com')
  assert.equal(x509.issuer, 'O=Test\nCN=Test Root')
  assert.equal(
    x509.subjectAltName,
    'DNS:www.example.com, DNS:*.example.com, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1',
  )
  assert.deepEqual(x509.keyUsage, [oids.serverAuth, oids.clientAuth])
  assert.equal(x509.infoAccess, 'OCSP - URI:http://pki.test/ocsp\nCA Issuers - URI:http://pki.test/ca.crt')
  assert.equal(x509.serialNumber, Buffer.from(plan.serialNumber).toString('hex').toUpperCase())
  assert.equal(x509.validFromDate.getTime(), plan.notBefore.getTime())
  assert.equal(x509.validToDate.getTime(), plan.notAfter.getTime())
  assert.equal(x509.ca, false)
})

test('subjectAltName is critical exactly where the subject is empty', async () => {
  const empty = await leaf()
  assert.equal(empty.tbs.subjectDer.length, 2)
  assert.equal(empty.extensionOf(oids.subjectAltName)?.critical, true)
  const named = await leaf({ organization: ['Example'] })
  assert.equal(named.extensionOf(oids.subjectAltName)?.critical, false)
})

test('basicConstraints of a leaf are critical and an empty SEQUENCE', async () => {
  const extension = (await leaf()).extensionOf(oids.basicConstraints)
  assert.equal(extension?.critical, true)
  assert.equal(Buffer.from(extension.valueDer).toString('hex'), '3000')
  assert.deepEqual(readBasicConstraints(extension.valueDer), { ca: false })
})

test('the subject key identifier is 160 bits of the SHA-256 of the key', async () => {
  const { plan, extensionOf } = await leaf()
  const bits = plan.subjectPublicKeyInfoDer.subarray(-65)
  const expected = hash('sha256', bits, 'buffer').subarray(0, 20)
  assert.deepEqual(Buffer.from(extensionOf(oids.subjectKeyIdentifier)!.valueDer.subarray(2)), expected)
})

const ecdsa: KeyUsage[] = ['digitalSignature', 'keyAgreement']
for (const [says, spec, kept] of [
  ['RSA', { algorithm: 'RSA', bits: 2048 }, ['digitalSignature', 'keyEncipherment', 'dataEncipherment']],
  ['ECDSA', p256, ecdsa],
  ['Ed25519', { algorithm: 'Ed25519' }, ['digitalSignature']],
] satisfies [string, KeySpec, KeyUsage[]][]) {
  test(`a leaf with an ${says} key has only the usages that such a key can have: ${kept.join(', ')}`, async () => {
    const keyUsages: KeyUsage[] = ['digitalSignature', 'keyEncipherment', 'dataEncipherment', 'keyAgreement']
    const extension = (await leaf({ keyUsages }, spec)).extensionOf(oids.keyUsage)
    assert.equal(extension?.critical, true)
    assert.deepEqual(readKeyUsage(extension.valueDer), kept)
  })
}

test('a profile whose usages no ECDSA key can have is refused, not issued without usages', async () => {
  const plan = await aLeafPlan(root, { keyUsages: ['keyEncipherment'] })
  await assertRefused('key-not-allowed', () => buildLeafTbs(plan))
})

test('a leaf without usages, extended usages and URLs has no extensions for them', async () => {
  const { tbs } = await leaf({ keyUsages: [], extendedKeyUsages: [] })
  assert.deepEqual(
    tbs.extensions.map(({ oid }) => oid).toSorted(),
    [oids.authorityKeyIdentifier, oids.basicConstraints, oids.subjectAltName, oids.subjectKeyIdentifier].toSorted(),
  )
})

test('a leaf that begins in 2050 is dated with GeneralizedTime', async () => {
  const { x509, tbs } = await leaf({
    notBefore: new Date('2050-01-01T00:00:00Z'),
    notAfter: new Date('2050-12-31T23:59:59Z'),
  })
  assert.equal(x509.validFrom, 'Jan  1 00:00:00 2050 GMT')
  assert.equal(tbs.notAfter.toISOString(), '2050-12-31T23:59:59.000Z')
})

test('a leaf may not outlive its issuer nor be older', async () => {
  const { notBefore, notAfter } = root.certificate
  const late = await aLeafPlan(root, { notAfter: new Date(notAfter.getTime() + 1000) })
  await assertRefused('validity-outside-issuer', () => buildLeafTbs(late))
  const early = await aLeafPlan(root, { notBefore: new Date(notBefore.getTime() - 1000) })
  await assertRefused('validity-outside-issuer', () => buildLeafTbs(early))
  buildLeafTbs(await aLeafPlan(root, { notBefore, notAfter }))
})

test('a name outside the constraints of the issuer or of a CA above it is refused by name', async () => {
  const constrained = await aRootCa({ nameConstraints: { permitted: { dns: ['example.com'] } } })
  const plan = await aLeafPlan(constrained, { dnsNames: ['www.example.com', 'www.example.org'] })
  assert.match(
    await assertRefused('name-not-permitted', () => buildLeafTbs(plan)),
    /^www\.example\.org is not permitted/,
  )
  const above = {
    ...root.certificate,
    inherited: { nameConstraints: [{ excluded: { ip: ['10.0.0.0/8'] } }], extendedKeyUsages: [] },
  }
  const inherited = await aLeafPlan(root, { issuer: above, ipAddresses: ['10.0.0.1'] })
  await assertRefused('name-not-permitted', () => buildLeafTbs(inherited))
})

test('names come in the order of the plan, DNS names first', async () => {
  const { extensionOf } = await leaf({ dnsNames: ['b.test', 'a.test'], ipAddresses: ['10.0.0.2', '10.0.0.1'] })
  assert.deepEqual(
    readSubjectAltName(extensionOf(oids.subjectAltName)!.valueDer).map(({ value }) => value),
    ['b.test', 'a.test', '10.0.0.2', '10.0.0.1'],
  )
})

test('the same plan makes the same bytes', async () => {
  const plan = await aLeafPlan(root)
  assert.deepEqual(
    buildLeafTbs(plan),
    buildLeafTbs({ ...plan, subjectPublicKeyInfoDer: spkiOf(await aKey(p256, 'leaf')) }),
  )
})

test('a purpose that the issuer or a CA above it does not list is refused by name', async () => {
  const plan = await aLeafPlan(root, { extendedKeyUsages: ['serverAuth', 'clientAuth'] })
  const own = { ...root.certificate, extendedKeyUsages: [oids.serverAuth] }
  assert.match(await assertRefused('usage-not-permitted', () => buildLeafTbs({ ...plan, issuer: own })), /^clientAuth/)
  const inherited = { nameConstraints: [], extendedKeyUsages: [[oids.clientAuth], [oids.anyExtendedKeyUsage]] }
  const above = { ...root.certificate, inherited }
  assert.match(
    await assertRefused('usage-not-permitted', () => buildLeafTbs({ ...plan, issuer: above })),
    /^serverAuth/,
  )
})
