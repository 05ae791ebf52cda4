import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { passSeconds } from '../../testing/passing-time.ts'
import { rootIssuer as issuer } from '../../testing/root-issuer.ts'

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
  const pass = (seconds: number): Promise<void> => passSeconds(timers, seconds)
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

test('an Issuer whose parent is missing is looked at when the parent comes, and hardly before', async (t) => {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  const children = ['sub-0', 'sub-1', 'sub-2']
  for (const name of children)
    cluster.apply(`
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: ${name} }
spec:
  type: Subordinate
  subordinate: { parentRef: { name: root }, subject: { commonName: Sub }, privateKey: { curve: P-256 } }
`)
  cluster.lead()
  const become = (words: string): Promise<void> =>
    cluster.until(async () => {
      await passSeconds(timers, 1)
      return children.every((name) => cluster.condition('Issuer', name) === words)
    }, `every child is ${words}`)
  await become('False ParentNotReady')
  await passSeconds(timers, 10)
  const reconciles = (): number => cluster.counts.get('reconcile Issuer ok') ?? 0
  const before = reconciles()
  await passSeconds(timers, 60)
  const count = reconciles() - before
  assert.ok(count <= 2 * children.length, `${count} looks in a minute in which nothing changed`)

  cluster.apply(issuer)
  await become('True Ready')
})
