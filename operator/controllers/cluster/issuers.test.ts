import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createSubordinateCa, decodePem, encodePem, generateSerialNumber } from '../../../ca/index.ts'
import { findIssuer } from '../../../store/issuers.ts'
import { configMaps, secrets } from '../../kubernetes/resources.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import type { ClusterHarness } from '../../testing/cluster.ts'
import { passSeconds } from '../../testing/passing-time.ts'
import { testCa } from '../../testing/replica.ts'
import { conditionsOf } from './object-status.ts'
import { valueAt } from './custom-object.ts'

const issuer = (name: string, spec: string): string => `
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: ${name} }
spec: ${spec}
`
const root = issuer(
  'root',
  '{ type: SelfSigned, selfSigned: { subject: { commonName: Root }, privateKey: { curve: P-256 } } }',
)
const brought = issuer('brought', '{ type: CASecret, caSecret: { secretRef: { name: brought } } }')

/** A CSR of a CA is read by OpenSSL: ours reads those of leaves. */
function publicKeyIn(csrDer: Uint8Array): Uint8Array {
  const { stdout } = spawnSync('openssl', ['req', '-inform', 'DER', '-noout', '-pubkey'], {
    input: csrDer,
    encoding: 'utf8',
  })
  return createPublicKey(stdout).export({ type: 'spki', format: 'der' })
}

function becomes(cluster: ClusterHarness, name: string, words: string): Promise<void> {
  return cluster.until(() => cluster.condition('Issuer', name) === words, `Issuer ${name} is ${words}`)
}

function secret(cluster: ClusterHarness, name: string, values: Record<string, string>): void {
  const data = Object.entries(values).map(([key, text]) => [key, Buffer.from(text).toString('base64')])
  cluster.api.write(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'certctl' },
    data: Object.fromEntries(data),
  })
}

/** Looks again at once: nobody tells the operator of Secrets. */
function touch(cluster: ClusterHarness, yaml: string): void {
  const isSuspended = valueAt(cluster.find('Issuer', 'brought')?.spec, 'suspend')
  cluster.apply(isSuspended === false ? yaml : yaml.replace(/ \}\n$/, ', suspend: false }\n'))
}

test('an intermediate waits for its parent and is signed by it', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(
    issuer(
      'sub',
      '{ type: Subordinate, subordinate: { parentRef: { name: root }, subject: { commonName: Sub }, privateKey: { curve: P-256 } } }',
    ),
  )
  cluster.lead()
  await becomes(cluster, 'sub', 'False ParentNotReady')
  cluster.apply(root)
  await becomes(cluster, 'sub', 'True Ready')
  const chain = cluster.api.read(configMaps, { namespace: 'certctl', name: 'sub-ca-chain' })?.data
  const parent = cluster.api.read(configMaps, { namespace: 'certctl', name: 'root-ca-chain' })?.data
  assert.equal(chain?.['ca.crt'], parent?.['ca.crt'])
})

test('a CA that is signed elsewhere shows its request and takes the answer', async (t) => {
  const cluster = await clusterHarness(t)
  const external = issuer(
    'ext',
    '{ type: Subordinate, subordinate: { mode: External, subject: { commonName: Ext }, privateKey: { curve: P-256 }, signedCertificateSecretRef: { name: signed } } }',
  )
  cluster.apply(external)
  cluster.lead()
  await becomes(cluster, 'ext', 'False PendingSignature')
  const csr = String(valueAt(cluster.find('Issuer', 'ext')?.status, 'csr'))
  assert.match(csr, /BEGIN CERTIFICATE REQUEST/)
  const [der] = decodePem(csr, 'CERTIFICATE REQUEST')
  const parent = await testCa('Elsewhere')
  const signed = await createSubordinateCa(
    {
      subject: { commonName: 'Ext' },
      notBefore: new Date('2026-05-01T00:00:00Z'),
      notAfter: new Date('2030-01-01T00:00:00Z'),
      pathLength: 0,
      serialNumber: generateSerialNumber(),
    },
    { subjectPublicKeyInfoDer: publicKeyIn(der ?? assert.fail()), issuer: parent.ca },
  )
  secret(cluster, 'signed', { 'tls.crt': encodePem('CERTIFICATE', signed), 'ca.crt': parent.ca.rootPem })
  cluster.apply(external.replace(/ \}\n$/, ', suspend: false }\n'))
  await becomes(cluster, 'ext', 'True Ready')
  assert.equal(valueAt(cluster.find('Issuer', 'ext')?.status, 'csr'), undefined)
})

test('every way in which a Secret can be wrong has its reason, and a right one signs', async (t) => {
  const cluster = await clusterHarness(t)
  const [good, other] = [await testCa('Good'), await testCa('Other')]
  cluster.apply(brought)
  cluster.lead()
  await becomes(cluster, 'brought', 'False SecretNotFound')
  secret(cluster, 'brought', { 'tls.crt': good.ca.certificate.pem, 'tls.key': other.keyPem })
  touch(cluster, brought)
  await becomes(cluster, 'brought', 'False KeyMismatch')
  secret(cluster, 'brought', { 'tls.crt': good.ca.certificate.pem, 'tls.key': good.keyPem })
  touch(cluster, brought)
  await becomes(cluster, 'brought', 'True Ready')
  secret(cluster, 'brought', { 'tls.crt': other.ca.certificate.pem, 'tls.key': other.keyPem })
  touch(cluster, brought)
  await cluster.until(
    () => valueAt(cluster.find('Issuer', 'brought')?.status, 'ca', 'generation') === 2,
    'the new CA is the second generation',
  )
  await cluster.until(() => cluster.registry.list().some(({ generations }) => generations.length === 2), 'it is loaded')
})

test('a right that is missing is told with the right to give', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.api.fail({ method: 'GET', path: 'secrets', times: 1000, answer: { status: 403 } })
  cluster.apply(brought)
  cluster.lead()
  await becomes(cluster, 'brought', 'False SecretForbidden')
  const [condition] = conditionsOf(cluster.find('Issuer', 'brought')?.status).filter(
    ({ type }) => type === 'ResolvedRefs',
  )
  assert.match(condition?.message ?? '', /give its service account get on secrets in certctl/)
})

test('a ConfigMap of somebody else is left alone, and the Issuer says so', async (t) => {
  const cluster = await clusterHarness(t)
  const metadata = { name: 'root-ca-chain', namespace: 'certctl' }
  cluster.api.write(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mine: 'yes' } })
  cluster.apply(root)
  cluster.lead()
  await becomes(cluster, 'root', 'True Ready')
  assert.equal(cluster.condition('Issuer', 'root', 'Warning'), 'True ConfigMapNotOwned')
  assert.deepEqual(cluster.api.read(configMaps, metadata)?.data, { mine: 'yes' })
})

test('a row that was changed behind the operator is put right at the resync and counted', async (t) => {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  const pass = (seconds: number): Promise<void> => passSeconds(timers, seconds)
  cluster.apply(root)
  cluster.lead()
  await cluster.until(async () => {
    await pass(1)
    return cluster.condition('Issuer', 'root') === 'True Ready'
  }, 'the Issuer is ready')
  const looks = (): number => cluster.counts.get('reconcile Issuer ok') ?? 0
  const before = looks()
  await cluster.until(async () => {
    await pass(1)
    return looks() >= before + 2
  }, 'it has been looked at since')
  await sql`update issuers set key_secret = 'other'`.execute(cluster.db)
  await cluster.until(async () => {
    await pass(10)
    return cluster.counts.get('drift Issuer') === 1
  }, 'the drift is counted')
  const read = async (): Promise<string | undefined> =>
    (await sql<{ key_secret: string }>`select key_secret from issuers`.execute(cluster.db)).rows[0]?.key_secret
  await cluster.until(async () => (await read()) === 'root-ca', 'the row is put right')
})

test('an Issuer whose CA has expired signs no more, and its row says so too', async (t) => {
  const cluster = await clusterHarness(t)
  const isSuspended = async (): Promise<boolean | undefined> =>
    (await findIssuer(cluster.db, { namespace: 'certctl', name: 'root' }))?.suspended
  cluster.apply(root)
  const end = cluster.lead()
  await becomes(cluster, 'root', 'True Ready')
  assert.equal(await isSuspended(), false)
  await end()
  cluster.clock.time = new Date('2080-01-01T00:00:00Z')
  cluster.lead()
  await becomes(cluster, 'root', 'False CAExpired')
  assert.equal(await isSuspended(), true)
})
