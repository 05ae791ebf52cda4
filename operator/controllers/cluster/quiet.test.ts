import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { clusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'

const issuer = `
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: root }
spec:
  type: SelfSigned
  selfSigned: { subject: { commonName: Root }, privateKey: { curve: P-256 } }
`

const profile = (name: string, members = ''): string => `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: ${name} }
spec:
  issuerRef: { name: root }
  acme: { authMode: TrustAuthenticated, registration: Open }
  identifiers: { dns: { allowed: ['*.example.com'] } }
  certManager: { clusterIssuer: { enabled: true } }
  ${members}
`

const names = Array.from({ length: 10 }, (_, index) => `web-${index}`)

test('where nothing changes for five minutes, nothing is written: no status, no object, no row', async (t) => {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  cluster.apply(issuer)
  for (const name of names) cluster.apply(profile(name))
  cluster.apply(profile('wrong', 'validity: { default: 48h, max: 24h }'))
  cluster.lead({ keepsClusterIssuers: true })
  const pass = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed++) {
      await timers.advance(1_000)
      for (let turns = 0; turns < 20; turns++) await turn()
    }
  }
  await cluster.until(async () => {
    await pass(1)
    const isKept = names.every(
      (name) => cluster.condition('CertificateProfile', name, 'ClusterIssuer') === 'True ClusterIssuer',
    )
    return isKept && cluster.condition('CertificateProfile', 'wrong') === 'False InvalidSpec'
  }, 'everything has settled')
  await pass(30)

  const isWrite = ({ method }: { method: string }): boolean => method !== 'GET'
  const writes = cluster.api.requests.filter(isWrite).length
  const reconciles = cluster.counts.get('reconcile CertificateProfile ok') ?? 0
  const version = (await cluster.profiles.find('web-0'))?.revisionId
  await pass(330)
  assert.ok(
    (cluster.counts.get('reconcile CertificateProfile ok') ?? 0) >= reconciles + names.length,
    'it was looked at',
  )
  assert.deepEqual(cluster.api.requests.slice(0).filter(isWrite).slice(writes), [])
  assert.equal((await cluster.profiles.find('web-0'))?.revisionId, version)
})
