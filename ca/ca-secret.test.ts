import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { loadCaSecret } from './ca-secret.ts'
import { signTbsCertificate } from './leaf-certificate.ts'
import type { CaErrorCode } from './errors.ts'
import { caBasicConstraints, keyUsageExtension, leafBasicConstraints } from './extensions.ts'
import type { IssuingCa } from './issuer.ts'
import { encodePem } from './pem.ts'
import { generateSerialNumber } from './serial-number.ts'
import { writeTbsCertificate } from './tbs-certificate.ts'
import { sequence, octetString, booleanTrue, oid } from './der/writer.ts'
import { writeName } from './distinguished-name.ts'
import {
  aKey,
  aLeafPlan,
  aRootCa,
  aSubordinateCa,
  assertRefused,
  caNotAfter,
  caNotBefore,
  p256,
  signedLeafPem,
  spkiOf,
} from './testing/builders.ts'
import { haveTools, scratchFolder, tool, verifiers } from './testing/verifiers.ts'

const now = new Date('2026-06-01T00:00:00Z')
const rootKey = await aKey(p256, 'root')
const subKey = await aKey(p256, 'intermediate')
const root = await aRootCa({ nameConstraints: { permitted: { dns: ['example.com'] } } })
const sub = await aSubordinateCa(root, { pathLength: 0 })
const [subPem, rootPem] = [sub.certificate.pem, root.certificate.pem]

function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

const keyPem = pkcs8(subKey)

/** A certificate that the engine would not make. */
async function oddCertificate(
  extensions: readonly Uint8Array[],
  options: { issuer?: IssuingCa; key?: KeyObject; name?: string; from?: Date; to?: Date } = {},
): Promise<string> {
  const { issuer = root, key = subKey, name = 'Odd CA', from = caNotBefore, to = caNotAfter } = options
  const tbsDer = writeTbsCertificate(
    {
      serialNumber: generateSerialNumber(),
      signatureAlgorithm: issuer.signer.signatureAlgorithm,
      issuerDer: issuer.certificate.subjectDer,
      notBefore: from,
      notAfter: to,
      subjectDer: writeName({ commonName: name }),
      subjectPublicKeyInfoDer: spkiOf(key),
    },
    extensions,
  )
  return encodePem('CERTIFICATE', await signTbsCertificate(tbsDer, issuer.signer))
}

const signing = keyUsageExtension(['keyCertSign'])
const anyCa = caBasicConstraints(undefined)

const odd = {
  leaf: await oddCertificate([leafBasicConstraints, keyUsageExtension(['digitalSignature'])]),
  withoutConstraints: await oddCertificate([signing]),
  withoutCertSign: await oddCertificate([anyCa, keyUsageExtension(['cRLSign'])]),
  withoutKeyUsage: await oddCertificate([anyCa]),
  policyConstraints: await oddCertificate([
    anyCa,
    signing,
    sequence(oid('2.5.29.36'), booleanTrue, octetString(sequence())),
  ]),
  expired: await oddCertificate([anyCa, signing], { to: new Date('2026-05-31T23:59:59Z') }),
  young: await oddCertificate([anyCa, signing], { from: new Date('2026-06-01T00:00:01Z') }),
  belowZero: await oddCertificate([anyCa, signing], { issuer: sub, key: await aKey(p256, 'below') }),
  weak: '',
  impostorRoot: (await aRootCa()).certificate.pem,
}
const weakKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
odd.weak = await oddCertificate([anyCa, signing], { key: weakKey })
const belowKeyPem = pkcs8(await aKey(p256, 'below'))
const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
const unrelated = await oddCertificate([anyCa, signing], { key: await aKey(p256, 'unrelated'), name: 'Unrelated' })

for (const [says, certificatePem] of [
  ['issuer first', subPem + rootPem],
  ['root first', rootPem + subPem],
  ['with text around', `Subject: x\n${rootPem}\n\nIssuer: y\n${subPem}`],
  ['with an unrelated certificate', unrelated + rootPem + subPem],
  ['with a certificate twice', subPem + subPem + rootPem],
] as const) {
  test(`a CA with its chain is loaded, ${says}`, () => {
    const loaded = loadCaSecret({ certificatePem, keyPem }, now)
    assert.deepEqual([loaded.chainPem, loaded.rootPem], [subPem, rootPem])
    assert.equal(loaded.certificate.sha256Fingerprint, sub.certificate.sha256Fingerprint)
    assert.deepEqual(loaded.certificate.inherited.nameConstraints, [{ permitted: { dns: ['example.com'] } }])
  })
}

test('a root is loaded by itself and has no chain', () => {
  const loaded = loadCaSecret({ certificatePem: rootPem, keyPem: pkcs8(rootKey) }, now)
  assert.deepEqual([loaded.chainPem, loaded.rootPem], ['', rootPem])
})

test('a chain may end at a trust anchor that is given apart', () => {
  const loaded = loadCaSecret({ certificatePem: subPem, keyPem, trustPem: rootPem }, now)
  assert.deepEqual([loaded.chainPem, loaded.rootPem], [subPem, rootPem])
})

test('a trust anchor need not be self-signed', async () => {
  const open = await aSubordinateCa(root, {}, { algorithm: 'ECDSA', curve: 'P-384' })
  const issuing = await oddCertificate([caBasicConstraints(0), signing], { issuer: open, name: 'Issuing' })
  const loaded = loadCaSecret({ certificatePem: issuing, keyPem, trustPem: open.certificate.pem }, now)
  assert.deepEqual([loaded.chainPem, loaded.rootPem], [issuing + open.certificate.pem, open.certificate.pem])
})

const refused: [says: string, code: CaErrorCode, input: Partial<Parameters<typeof loadCaSecret>[0]>][] = [
  ['no certificate', 'pem-unparseable', { certificatePem: '' }],
  ['a damaged certificate', 'pem-unparseable', { certificatePem: subPem.replace('M', '*') }],
  [
    'something else in its certificate',
    'certificate-unparseable',
    { certificatePem: encodePem('CERTIFICATE', Uint8Array.of(0x30, 0)) },
  ],
  ['twenty-one certificates', 'pem-unparseable', { certificatePem: subPem.repeat(21) }],
  ['no key', 'secret-invalid', { keyPem: '' }],
  [
    'an encrypted key',
    'secret-invalid',
    { keyPem: subKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString() },
  ],
  ['a key on secp256k1', 'unsupported-key-type', { keyPem: pkcs8(secp256k1) }],
  ['the key of another', 'key-mismatch', { keyPem: belowKeyPem }],
  ['a leaf', 'not-a-ca', { certificatePem: odd.leaf + rootPem }],
  ['no basicConstraints', 'not-a-ca', { certificatePem: odd.withoutConstraints + rootPem }],
  ['no keyCertSign', 'not-a-ca', { certificatePem: odd.withoutCertSign + rootPem }],
  ['critical policy constraints', 'certificate-unparseable', { certificatePem: odd.policyConstraints + rootPem }],
  ['a weak key', 'weak-key', { certificatePem: odd.weak + rootPem, keyPem: pkcs8(weakKey) }],
  ['an end in the past', 'ca-expired', { certificatePem: odd.expired + rootPem }],
  ['a beginning to come', 'ca-not-yet-valid', { certificatePem: odd.young + rootPem }],
  ['a chain without its root', 'chain-incomplete', { certificatePem: subPem }],
  ['trust anchors of others and no root', 'chain-incomplete', { certificatePem: subPem, trustPem: unrelated }],
  [
    'a root of the same name and key, and other trust anchors',
    'chain-untrusted',
    { certificatePem: subPem + rootPem, trustPem: unrelated },
  ],
  [
    'a place below a path length of zero',
    'path-length-exceeded',
    { certificatePem: odd.belowZero + subPem + rootPem, keyPem: belowKeyPem },
  ],
  ['an empty trust PEM', 'pem-unparseable', { certificatePem: subPem + rootPem, trustPem: '\n' }],
]

for (const [says, code, changes] of refused) {
  test(`a CA with ${says} is refused as ${code}`, async () => {
    await assertRefused(code, () => loadCaSecret({ certificatePem: subPem + rootPem, keyPem, ...changes }, now))
  })
}

test('a CA without keyUsage is loaded with a warning, since openssl makes such roots by default', () => {
  const { certificate } = loadCaSecret({ certificatePem: odd.withoutKeyUsage + rootPem, keyPem }, now)
  assert.deepEqual(certificate.warnings, ['Odd CA has no keyUsage', 'Odd CA has no subjectKeyIdentifier'])
  assert.deepEqual(loadCaSecret({ certificatePem: subPem + rootPem, keyPem }, now).certificate.warnings, [])
})

test('a root of the right name and the wrong key is refused', async () => {
  const impostor = await oddCertificate([anyCa, signing], { key: await aKey(p256, 'unrelated'), name: 'Impostor' })
  const victim = { ...root, certificate: { ...root.certificate, subjectDer: writeName({ commonName: 'Impostor' }) } }
  const certificatePem = (await oddCertificate([anyCa, signing], { issuer: victim })) + impostor + rootPem
  await assertRefused('chain-untrusted', () => loadCaSecret({ certificatePem, keyPem }, now))
})

test('an expired root is refused by name', async () => {
  const after = new Date(caNotAfter.getTime() + 1000)
  const message = await assertRefused('ca-expired', () =>
    loadCaSecret({ certificatePem: subPem + rootPem, keyPem }, after),
  )
  assert.match(message, /Test Intermediate expired on 2080/)
})

async function opensslCa(t: TestContext): Promise<{ folder: string; certificatePem: string; caKeyPem: string }> {
  const folder = await scratchFolder(t)
  const file = (name: string) => join(folder, name)
  await writeFile(
    file('cnf'),
    '[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid,issuer\nnameConstraints=critical,permitted;DNS:example.com,permitted;email:example.com,excluded;IP:0.0.0.0/0.0.0.0\n',
  )
  await tool(
    'openssl',
    'req',
    '-x509',
    '-config',
    file('cnf'),
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    file('root.key'),
    '-out',
    file('ca-root.pem'),
    '-subj',
    '/C=DE/O=Acme/CN=Old Root',
    '-days',
    '9000',
    '-addext',
    'basicConstraints=critical,CA:true',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  )
  await tool(
    'openssl',
    'req',
    '-new',
    '-config',
    file('cnf'),
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.csr'),
    '-subj',
    '/C=DE/O=Acme/CN=Issuing',
  )
  await tool(
    'openssl',
    'x509',
    '-req',
    '-in',
    file('ca.csr'),
    '-CA',
    file('ca-root.pem'),
    '-CAkey',
    file('root.key'),
    '-CAcreateserial',
    '-extfile',
    file('cnf'),
    '-extensions',
    'ca',
    '-days',
    '9000',
    '-out',
    file('ca.pem'),
  )
  const [ca, rootOf, caKeyPem] = await Promise.all(
    ['ca.pem', 'ca-root.pem', 'ca.key'].map((name) => readFile(file(name), 'utf8')),
  )
  return { folder, certificatePem: ca! + rootOf!, caKeyPem: caKeyPem! }
}

test('a CA that openssl made is loaded, keeps its own constraints, and issues what openssl verifies', async (t) => {
  if (!haveTools(t, 'openssl')) return
  const { folder, certificatePem, caKeyPem } = await opensslCa(t)
  // openssl dates its certificates by the machine's clock.
  const lately = new Date('2035-01-01T00:00:00Z')
  const ca = loadCaSecret({ certificatePem, keyPem: caKeyPem }, lately)
  assert.equal(ca.certificate.pathLength, 0)
  assert.deepEqual(ca.certificate.nameConstraints, {
    permitted: { dns: ['example.com'] },
    excluded: { ip: ['0.0.0.0/0'] },
  })
  const { notBefore, notAfter } = ca.certificate
  const leafPem = await signedLeafPem(ca, await aLeafPlan(ca, { notBefore, notAfter }))
  await verifiers.openssl(folder, { leafPem, chainPem: ca.chainPem, rootPem: ca.rootPem, hostname: 'www.example.com' })
})
