import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { findIssuer } from '../../../store/issuers.ts'
import { secrets } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import type { ClusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { passSeconds } from '../../testing/passing-time.ts'
import { testCa } from '../../testing/replica.ts'
import type { TestCa } from '../../testing/replica.ts'

const brought = `
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: root }
spec: { type: CASecret, caSecret: { secretRef: { name: brought } } }
`

const profile = `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web }
spec:
  issuerRef: { name: root }
  acme: { authMode: TrustAuthenticated, clientNetworks: [10.0.0.0/8] }
  identifiers: { dns: { allowed: ['*.example.com'] } }
`

interface Led extends ClusterHarness {
  put(ca: TestCa): void
  /** Lets time pass until this holds. */
  eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void>
}

/** An Issuer of a CA that was brought along, and a profile of it that is ready. */
async function readyCluster(t: TestContext, ca: TestCa): Promise<Led> {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  const encoded = (text: string): string => Buffer.from(text).toString('base64')
  const led: Led = {
    ...cluster,
    put: ({ ca: { rootPem }, keyPem }) =>
      void cluster.api.write(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'brought', namespace: 'certctl' },
        data: { 'tls.crt': encoded(rootPem), 'tls.key': encoded(keyPem) },
      }),
    eventually: (holds, what) =>
      cluster.until(async () => {
        await passSeconds(timers, 1)
        return holds()
      }, what),
  }
  led.put(ca)
  cluster.apply(brought)
  cluster.apply(profile)
  cluster.lead()
  await led.eventually(() => isReady(led), 'the profile is ready')
  return led
}

function isReady(cluster: ClusterHarness): boolean {
  return cluster.condition('CertificateProfile', 'web') === 'True Ready'
}

function drifts({ counts }: ClusterHarness): number[] {
  return ['Issuer', 'CertificateProfile'].map((kind) => counts.get(`drift ${kind}`) ?? 0)
}

test('an Issuer that is deleted and made again is no drift', async (t) => {
  const cluster = await readyCluster(t, await testCa())
  cluster.remove('Issuer', 'root')
  await cluster.eventually(
    () => cluster.condition('CertificateProfile', 'web') === 'False IssuerNotFound',
    'the Issuer is gone',
  )
  cluster.apply(brought)
  await cluster.eventually(() => isReady(cluster), 'the profile is ready again')
  assert.deepEqual(drifts(cluster), [0, 0])
})

test('a Secret that goes back to the CA that it had before is no drift', async (t) => {
  const [first, second] = [await testCa('First'), await testCa('Second')]
  const cluster = await readyCluster(t, first)
  const signing = async (): Promise<string | null | undefined> =>
    (await findIssuer(cluster.db, { namespace: 'certctl', name: 'root' }))?.signingCertificateId
  const before = await signing()
  cluster.put(second)
  await cluster.eventually(async () => (await signing()) !== before, 'the second CA signs')
  cluster.put(first)
  await cluster.eventually(async () => (await signing()) === before, 'the first one signs again')
  assert.deepEqual(drifts(cluster), [0, 0])
})

test('a write that failed and is tried again is no drift', async (t) => {
  const cluster = await readyCluster(t, await testCa())
  await sql`
    create function refuse_all() returns trigger language plpgsql as
      $$ begin raise exception 'no' using errcode = '40001'; end $$`.execute(cluster.db)
  for (const table of ['issuers', 'profiles'])
    await sql`create trigger refused before update on ${sql.table(table)} execute function refuse_all()`.execute(
      cluster.db,
    )
  const failures = (kind: string): number => cluster.counts.get(`reconcile ${kind} failed`) ?? 0
  cluster.apply(brought.replace('spec: {', 'spec: { suspend: true,'))
  cluster.apply(`${profile}  validity: { default: 24h, max: 24h }\n`)
  await cluster.eventually(() => failures('Issuer') >= 2 && failures('CertificateProfile') >= 2, 'writes fail')
  await sql`drop function refuse_all cascade`.execute(cluster.db)
  await cluster.eventually(
    () => cluster.condition('CertificateProfile', 'web') === 'False IssuerNotReady',
    'everything is written',
  )
  await cluster.eventually(() => cluster.condition('Issuer', 'root') === 'False Suspended', 'the Issuer too')
  assert.deepEqual(drifts(cluster), [0, 0])
})
