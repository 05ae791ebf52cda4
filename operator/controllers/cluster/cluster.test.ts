import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { certificateProfileStatus } from '../../api/certificate-profile-status.ts'
import { issuerStatus } from '../../api/issuer-status.ts'
import { configMaps, secrets } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import type { ClusterHarness } from '../../testing/cluster.ts'
import { rootIssuer as root } from '../../testing/root-issuer.ts'
import { valueAt } from './custom-object.ts'

const profile = (changes = ''): string => `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web }
spec:
  issuerRef: { name: root }
  acme: { authMode: TrustAuthenticated, clientNetworks: [10.0.0.0/8] }
  identifiers: { dns: { allowed: ['*.example.com'] } }
  ${changes}
`

const until = (
  cluster: ClusterHarness,
  kind: 'Issuer' | 'CertificateProfile',
  name: string,
  words: string,
): Promise<void> => cluster.until(() => cluster.condition(kind, name) === words, `${kind} ${name} ${words}`)

test('an Issuer and a profile become ready, and everything that follows from them is there', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(profile())
  cluster.apply(root)
  cluster.lead()
  await until(cluster, 'CertificateProfile', 'web', 'True Ready')

  const secret = cluster.api.read(secrets, { namespace: 'certctl', name: 'root-ca' })
  assert.ok(secret)
  assert.equal(secret.type, 'kubernetes.io/tls')
  assert.equal(secret.metadata.annotations?.['certctl.io/issuer-uid'], cluster.find('Issuer', 'root')?.metadata.uid)
  const certificate = new X509Certificate(Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64'))
  const chain = cluster.api.read(configMaps, { namespace: 'certctl', name: 'root-ca-chain' })
  assert.equal(new X509Certificate(chain?.data?.['ca.crt'] ?? '').fingerprint256, certificate.fingerprint256)
  const trust = cluster.api.read(configMaps, { namespace: 'certctl', name: 'certctl-trust' })
  assert.match(trust?.data?.['ca.crt'] ?? '', /listener/)

  const status = cluster.find('Issuer', 'root')?.status as Record<string, unknown>
  assert.deepEqual(issuerStatus.safeParse(status).error, undefined)
  assert.deepEqual(status['keySecret'], { name: 'root-ca' })
  assert.equal(valueAt(status, 'ca', 'subject'), 'CN=Root')
  assert.equal(valueAt(status, 'ca', 'keyAlgorithm'), 'ECDSA P-256')
  assert.deepEqual(status['chainConfigMap'], { name: 'root-ca-chain' })
  const profileStatus = cluster.find('CertificateProfile', 'web')?.status as Record<string, unknown>
  assert.deepEqual(certificateProfileStatus.safeParse(profileStatus).error, undefined)
  assert.equal(profileStatus['profileID'], 'web')
  assert.equal(profileStatus['revision'], 1)
  assert.deepEqual(profileStatus['acme'], { directoryURL: 'https://ca.example/acme/profile/web/directory' })
  assert.equal((await cluster.profiles.find('web'))?.policy.validity.maxSeconds, 7_776_000)
  const told = (): boolean => cluster.events.some(({ name, reason }) => name === 'web' && reason === 'Ready')
  await cluster.until(told, 'an event tells of it')
  assert.doesNotMatch(JSON.stringify(cluster.log.lines), /PRIVATE KEY/)
})

test('a new spec is a new revision, a wrong one leaves the last good one served', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(root)
  cluster.apply(profile())
  cluster.lead()
  await until(cluster, 'CertificateProfile', 'web', 'True Ready')
  cluster.apply(profile('validity: { default: 24h, max: 24h }'))
  await until(cluster, 'CertificateProfile', 'web', 'True Ready')
  assert.equal((await cluster.profiles.find('web'))?.policy.validity.maxSeconds, 86_400)
  cluster.apply(profile('validity: { default: 48h, max: 24h }'))
  await until(cluster, 'CertificateProfile', 'web', 'False InvalidSpec')
  assert.equal((await cluster.profiles.find('web'))?.policy.validity.maxSeconds, 86_400)
})

test('a profile waits for a replica that has not loaded it', async (t) => {
  const cluster = await clusterHarness(t)
  await sql`insert into replicas (id, beat_at, version, missing_issuers) values ('b', certctl_now(), 0, '{}')`.execute(
    cluster.db,
  )
  cluster.apply(root)
  cluster.apply(profile())
  cluster.lead()
  await until(cluster, 'CertificateProfile', 'web', 'False Pending')
  await sql`update replicas set version = 1000000, beat_at = certctl_now() where id = 'b'`.execute(cluster.db)
  await until(cluster, 'CertificateProfile', 'web', 'True Ready')
})

test('an object that is gone is served no more, and one that comes back is another', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(root)
  cluster.apply(profile())
  cluster.lead()
  await until(cluster, 'CertificateProfile', 'web', 'True Ready')
  const before = await cluster.profiles.find('web')
  cluster.remove('CertificateProfile', 'web')
  await cluster.until(async () => {
    await cluster.profiles.refresh()
    return cluster.profiles.list().length === 0
  }, 'the profile is retired')
  cluster.apply(profile())
  await until(cluster, 'CertificateProfile', 'web', 'True Ready')
  const after = await cluster.profiles.find('web')
  assert.notEqual(after?.uuid, before?.uuid)
})

test('a key that was made for an Issuer that is gone is not taken over', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(root)
  cluster.lead()
  await until(cluster, 'Issuer', 'root', 'True Ready')
  cluster.remove('Issuer', 'root')
  await cluster.until(
    async () => (await sql`select from issuers where retired_at is null`.execute(cluster.db)).rows.length === 0,
    'the issuer is retired',
  )
  cluster.apply(root)
  await until(cluster, 'Issuer', 'root', 'False SecretInvalid')
  cluster.api.remove(secrets, { namespace: 'certctl', name: 'root-ca' })
  // Nobody tells of Secrets: the next look at the Issuer finds it gone.
  cluster.apply(root.replace('spec:', 'spec:\n  suspend: false'))
  await until(cluster, 'Issuer', 'root', 'True Ready')
})

test('a leader that was replaced writes nothing more and says so', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(root)
  const end = cluster.lead()
  await until(cluster, 'Issuer', 'root', 'True Ready')
  await sql`update controller_epoch set epoch = epoch + 1`.execute(cluster.db)
  cluster.apply(profile())
  await cluster.until(() => (cluster.counts.get('fenced') ?? 0) >= 1, 'the write is refused')
  const reason = await end()
  assert.ok(reason instanceof Error)
  assert.equal(reason.name, 'StaleEpoch')
  assert.equal(await cluster.profiles.find('web'), undefined)
})
