import assert from 'node:assert/strict'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { generatePrivateKey } from '../../ca/index.ts'
import type { IssuingCa } from '../../ca/index.ts'
import { aKey, aRootCa, aSubordinateCa, p256 } from '../../ca/testing/builders.ts'
import { listAudit } from '../../store/audit.ts'
import { listIssuerCertificates, listIssuers } from '../../store/issuers.ts'
import { standaloneHarness } from '../testing/standalone.ts'

const issuerYaml = (name: string, spec: string): string =>
  `apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata: {name: ${name}}\nspec: ${spec}\n`
const rootYaml = issuerYaml(
  'root',
  '{type: SelfSigned, selfSigned: {subject: {commonName: Root}, privateKey: {curve: P-256}}}',
)
const profileYaml = (changes = ''): string => `apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: {name: web}
spec:
  issuerRef: {name: root}
  acme: {authMode: Challenge}
  ${changes}
`
const secretYaml = (values: Record<string, string>): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'ca' }, stringData: values })

const rootStatus = 'Issuer.certctl.root.yaml'
const webStatus = 'CertificateProfile.certctl.web.yaml'

for (const kind of ['postgres', 'pglite'] as const) {
  test(`an Issuer and a profile are served after one pass (${kind})`, async (t) => {
    const h = await standaloneHarness(t, kind)
    await h.write('ca.yaml', rootYaml)
    await h.write('web.yaml', profileYaml())
    const pass = await h.reconcile()
    assert.deepEqual(pass, { refuseStart: [], readyProfiles: ['web'] })
    assert.equal(await h.ready(rootStatus), 'True Ready')
    assert.equal(await h.ready(webStatus), 'True Ready')
    const profile = await h.profiles.find('web')
    const signing = h.registry.signing(profile?.issuerId ?? '')
    assert.equal(signing?.caIssuersUrl, 'http://pki.example/ca/root/1.crt')
    const actions = (await listAudit(h.db, { limit: 10 })).map(({ action, actor }) => `${actor} ${action}`)
    assert.deepEqual(actions.toSorted(), ['controller issuer.certificate', 'controller profile.revise'])
  })
}

test('the key of a CA is a file that only its owner may read', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.reconcile()
  const file = await stat(join(h.dataFolder, 'keys', 'certctl.root.key'))
  assert.equal(file.mode & 0o777, 0o600)
  assert.equal((await stat(join(h.dataFolder, 'keys'))).mode & 0o777, 0o700)
})

test('a second pass and a new process change nothing', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  const before = await listIssuerCertificates(h.db)
  const revision = (await h.profiles.find('web'))?.revisionId
  h.restart()
  await h.reconcile()
  await h.reconcile()
  assert.deepEqual(await listIssuerCertificates(h.db), before)
  assert.equal((await h.profiles.find('web'))?.revisionId, revision)
  assert.equal(await h.ready(rootStatus), 'True Ready')
  assert.ok(h.registry.signing(before[0]?.issuerId ?? ''))
})

test('ten processes that start at once make one CA', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  const passes = Array.from({ length: 10 }, () => {
    h.restart()
    return h.reconcile()
  })
  await Promise.all(passes)
  assert.equal((await listIssuerCertificates(h.db)).length, 1)
  assert.equal(await h.ready(rootStatus), 'True Ready')
})

test('a changed profile is a new revision of the same directory', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  const before = await h.profiles.find('web')
  await h.write('web.yaml', profileYaml('validity: {default: 24h, max: 24h}'))
  await h.reconcile()
  const after = await h.profiles.find('web')
  assert.equal(after?.uuid, before?.uuid)
  assert.notEqual(after?.revisionId, before?.revisionId)
  assert.equal(after?.policy.validity.maxSeconds, 86_400)
})

test('a profile with a mistake keeps serving its last good revision, also after a restart', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  const before = await h.profiles.find('web')
  await h.write('web.yaml', profileYaml('validity: {default: 24h, max: 1h}'))
  for (const restart of [false, true]) {
    if (restart) h.restart()
    await h.reconcile()
    assert.equal((await h.profiles.find('web'))?.revisionId, before?.revisionId)
    assert.equal(await h.ready(webStatus), 'False InvalidSpec')
  }
  const told = h.log.filter(({ level }) => level === 'error').map(({ msg }) => String(msg))
  assert.match(
    told[0] ?? '',
    /web\.yaml:7:14: CertificateProfile certctl\/web spec\.validity\.default is longer than max/,
  )
})

test('a file that can not be read retires nothing, and its Issuer goes on signing after a restart', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  await h.write('ca.yaml', `${rootYaml}  : [broken`)
  await h.write('web.yaml', 'kind: [')
  h.restart()
  await h.reconcile()
  const profile = await h.profiles.find('web')
  assert.ok(profile, 'the directory is gone')
  assert.ok(h.registry.signing(profile.issuerId), 'the CA does not sign')
})

test('an object that stands twice keeps its last good state', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  await h.write('again.yaml', profileYaml('suspend: true'))
  await h.reconcile()
  assert.equal((await h.profiles.find('web'))?.policy.suspended, false)
})

test('what no manifest declares any more is retired, and comes back as what it was', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  const before = { profile: await h.profiles.find('web'), certificates: await listIssuerCertificates(h.db) }
  await h.write('ca.yaml', undefined)
  await h.write('web.yaml', undefined)
  await h.reconcile()
  assert.equal(await h.profiles.find('web'), undefined)
  assert.deepEqual(await listIssuers(h.db), [])
  assert.equal(h.registry.signing(before.profile?.issuerId ?? ''), undefined)
  assert.ok(h.registry.generation(before.certificates[0]?.id ?? ''), 'what it issued can not be downloaded any more')

  h.clock.time = new Date('2026-06-02T00:00:00Z')
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  h.restart()
  await h.reconcile()
  assert.deepEqual(await listIssuerCertificates(h.db), before.certificates)
  assert.equal((await h.profiles.find('web'))?.uuid, before.profile?.uuid)
  assert.equal(await h.ready(webStatus), 'True Ready')
})

test('a CA can not be given another name, and goes on as it was', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.reconcile()
  const [before] = await listIssuerCertificates(h.db)
  await h.write('ca.yaml', rootYaml.replace('commonName: Root', 'commonName: Other'))
  await h.reconcile()
  assert.equal(await h.ready(rootStatus), 'False InvalidSpec')
  assert.equal(h.registry.signing(before?.issuerId ?? '')?.issuerCertificateId, before?.id)
})

test('a key that is gone or another one refuses the start and makes no second CA', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.reconcile()
  const file = join(h.dataFolder, 'keys', 'certctl.root.key')
  const other = await generatePrivateKey({ algorithm: 'ECDSA', curve: 'P-256' })
  const states: readonly [text: string | undefined, words: RegExp][] = [
    [undefined, /does not exist; processes that share a database share the CA keys/],
    [other.export({ type: 'pkcs8', format: 'pem' }).toString(), /is not the key of the CA certificate in the database/],
    ['rubbish', /is not a private key in PEM/],
  ]
  for (const [text, words] of states) {
    await (text === undefined ? rm(file) : writeFile(file, text))
    h.restart()
    const { refuseStart } = await h.reconcile()
    assert.match(refuseStart[0] ?? '', words)
    assert.equal(await h.ready(rootStatus), 'False KeyMismatch')
    assert.equal((await listIssuerCertificates(h.db)).length, 1)
  }
})

test('a CA whose certificate has expired signs no more', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.reconcile()
  const [certificate] = await listIssuerCertificates(h.db)
  h.clock.time = new Date('2036-05-20T00:00:00Z')
  await h.reconcile()
  assert.equal(await h.ready(rootStatus), 'True CAExpiringSoon')
  h.clock.time = new Date('2036-06-01T00:00:00Z')
  await h.reconcile()
  assert.equal(await h.ready(rootStatus), 'False CAExpired')
  assert.equal(h.registry.signing(certificate?.issuerId ?? ''), undefined)
})

test('a suspended Issuer signs nothing until it is resumed', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('ca.yaml', rootYaml)
  await h.write('web.yaml', profileYaml())
  await h.reconcile()
  const [certificate] = await listIssuerCertificates(h.db)
  const suspended = rootYaml.replace('{type: SelfSigned,', '{suspend: true, type: SelfSigned,')
  await h.write('ca.yaml', suspended)
  await h.reconcile()
  assert.equal(h.registry.signing(certificate?.issuerId ?? ''), undefined)
  assert.equal(await h.ready(webStatus), 'False IssuerNotReady')
  await h.write('ca.yaml', rootYaml)
  await h.reconcile()
  assert.ok(h.registry.signing(certificate?.issuerId ?? ''))
})

test('a Subordinate is made by its parent wherever it stands, and not without it', async (t) => {
  const h = await standaloneHarness(t)
  const subordinate =
    '{type: Subordinate, subordinate: {subject: {commonName: Sub}, parentRef: {name: root}, duration: 876000h}}'
  await h.write('a.yaml', issuerYaml('sub', subordinate))
  await h.reconcile()
  assert.equal(await h.ready('Issuer.certctl.sub.yaml'), 'False ParentNotReady')
  await h.write('z.yaml', rootYaml)
  await h.reconcile()
  assert.equal(await h.ready('Issuer.certctl.sub.yaml'), 'True Ready')
  const rows = await listIssuerCertificates(h.db)
  const [root, sub] = ['root', 'sub'].map((name) => rows.find(({ issuerName }) => issuerName === name))
  assert.deepEqual(sub?.notAfter, root?.notAfter, 'a Subordinate outlives its parent')
  assert.equal(sub?.rootPem, root?.rootPem)
  assert.equal(h.registry.published('sub')?.generations.length, 1)
})

test('Issuers that wait for each other are told so', async (t) => {
  const h = await standaloneHarness(t)
  const under = (parent: string): string =>
    `{type: Subordinate, subordinate: {subject: {commonName: X}, parentRef: {name: ${parent}}}}`
  await h.write('a.yaml', `${issuerYaml('a', under('b'))}---\n${issuerYaml('b', under('a'))}`)
  await h.reconcile()
  assert.equal(await h.ready('Issuer.certctl.a.yaml'), 'False ParentNotReady')
  assert.equal(await h.ready('Issuer.certctl.b.yaml'), 'False ParentNotReady')
})

const secretIssuer = issuerYaml('root', '{type: CASecret, caSecret: {secretRef: {name: ca}}}')

async function secretOf(ca: IssuingCa, label: 'root' | 'intermediate'): Promise<Record<string, string>> {
  const key = await aKey(p256, label)
  return {
    'tls.crt': ca.chainPem === '' ? ca.rootPem : ca.chainPem,
    'tls.key': key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'ca.crt': ca.rootPem,
  }
}

test('a CA in a Secret signs, and every way in which it can be wrong has its reason', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('issuer.yaml', secretIssuer)
  await h.reconcile()
  assert.equal(await h.ready(rootStatus), 'False SecretNotFound')

  const root = await aRootCa()
  const good = await secretOf(await aSubordinateCa(root), 'intermediate')
  const { 'tls.key': otherKey } = await secretOf(root, 'root')
  const expired = await secretOf(await aRootCa({ notAfter: new Date('2026-01-01T00:00:00Z') }), 'root')
  const { 'ca.crt': _root, ...withoutRoot } = good
  const wrong: readonly [values: Record<string, string>, reason: string][] = [
    [{ ...good, 'tls.key': otherKey ?? '' }, 'KeyMismatch'],
    [expired, 'CAExpired'],
    [withoutRoot, 'ChainIncomplete'],
    [{ 'tls.crt': good['tls.crt'] ?? '' }, 'SecretInvalid'],
    [{ ...good, 'tls.crt': 'rubbish' }, 'SecretInvalid'],
  ]
  for (const [values, reason] of wrong) {
    await h.write('secret.json', secretYaml(values))
    await h.reconcile()
    assert.equal(await h.ready(rootStatus), `False ${reason}`)
  }

  await h.write('secret.json', secretYaml(good))
  await h.reconcile()
  assert.equal(await h.ready(rootStatus), 'True Ready')
  const [certificate] = await listIssuerCertificates(h.db)
  assert.ok(h.registry.signing(certificate?.issuerId ?? ''))

  await h.write('secret.json', secretYaml({ ...good, 'tls.key': otherKey ?? '' }))
  await h.reconcile()
  assert.equal(await h.ready(rootStatus), 'False KeyMismatch')
  assert.ok(h.registry.signing(certificate?.issuerId ?? ''), 'the last good CA stopped signing')
})

test('another CA in the Secret is a new generation, and the old one can still be shown', async (t) => {
  const h = await standaloneHarness(t)
  await h.write('issuer.yaml', secretIssuer)
  await h.write('secret.json', secretYaml(await secretOf(await aRootCa(), 'root')))
  await h.reconcile()
  const [first] = await listIssuerCertificates(h.db)
  const renewed = await secretOf(await aRootCa({ subject: { commonName: 'Renewed' } }), 'root')
  await h.write('secret.json', secretYaml(renewed))
  h.restart()
  await h.reconcile()
  const rows = await listIssuerCertificates(h.db)
  assert.equal(rows.length, 2)
  const signing = h.registry.signing(first?.issuerId ?? '')
  assert.equal(signing?.caIssuersUrl, 'http://pki.example/ca/root/2.crt')
  const old = h.registry.generation(first?.id ?? '')
  assert.equal(old?.rootPem, first?.rootPem)
  await assert.rejects(async () => old?.signer.sign(new Uint8Array()), /is not in this process/)
})

test('no key and no Secret reaches the log, the status or the database', async (t) => {
  const h = await standaloneHarness(t)
  const values = await secretOf(await aRootCa(), 'root')
  await h.write('issuer.yaml', secretIssuer)
  await h.write('secret.json', secretYaml(values))
  await h.reconcile()
  await h.write('secret.json', secretYaml({ ...values, 'tls.key': `x${values['tls.key']}` }))
  await h.reconcile()
  const secret = (values['tls.key'] ?? '').split('\n')[1] ?? assert.fail()
  const shown = [JSON.stringify(h.log), await readFile(join(h.dataFolder, 'status', rootStatus), 'utf8')]
  assert.ok(!shown.join('').includes(secret))
})

test('what only a cluster has is told, and what can be served is', async (t) => {
  const h = await standaloneHarness(t)
  await h.write(
    'external.yaml',
    `apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: external }
spec:
  type: Subordinate
  subordinate: { mode: External, subject: { commonName: X }, signedCertificateSecretRef: { name: signed } }
`,
  )
  await h.write(
    'web.yaml',
    `apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: root }
spec: { type: SelfSigned, selfSigned: { subject: { commonName: Root } } }
---
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web }
spec:
  issuerRef: { name: root }
  acme: { authMode: TrustAuthenticated, registration: Open }
  identifiers: { dns: { allowed: ['*.example.com'] } }
  certManager: { clusterIssuer: { enabled: true } }
`,
  )
  await h.reconcile()
  assert.equal(await h.ready('Issuer.certctl.external.yaml'), 'False InvalidSpec')
  assert.equal(await h.ready('CertificateProfile.certctl.web.yaml'), 'True Ready')
  const { conditions } = await h.status('CertificateProfile.certctl.web.yaml')
  assert.equal(conditions.find(({ type }) => type === 'ClusterIssuer')?.reason, 'NotInCluster')
})

test('ceilings hold for profiles of other namespaces, also while the manifest that sets them is unreadable', async (t) => {
  const h = await standaloneHarness(t)
  const issuer = (ceilings: string): string => `apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: root }
spec:
  type: SelfSigned
  selfSigned: { subject: { commonName: Root } }
  allowedProfiles: { namespaces: { from: All }, ceilings: ${ceilings} }
`
  await h.write('issuer.yaml', issuer('{ authModes: [Challenge] }'))
  await h.reconcile()
  await h.write('issuer.yaml', issuer('{ validity: { max: 24h } }'))
  await h.reconcile()
  const ceilings = (): unknown => h.registry.signing(h.registry.list()[0]?.issuerId ?? '')?.ceilings
  assert.deepEqual(ceilings(), { maxValiditySeconds: 86_400 })
  await h.write('issuer.yaml', issuer('{ validity: { max: rubbish } }'))
  h.restart()
  await h.reconcile()
  assert.deepEqual(ceilings(), { maxValiditySeconds: 86_400 })
})
