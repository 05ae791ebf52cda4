import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { passSeconds } from '../../testing/passing-time.ts'

const issuer = (namespace: string): string => `
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: root, namespace: ${namespace} }
spec:
  type: SelfSigned
  selfSigned: { subject: { commonName: Root }, privateKey: { curve: P-256 } }
`

const profile = (namespace: string): string => `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web, namespace: ${namespace} }
spec:
  issuerRef: { name: root }
  acme: { authMode: TrustAuthenticated, clientNetworks: [10.0.0.0/8] }
  identifiers: { dns: { allowed: ['*.example.com'] } }
`

test('a namespace that can not be listed keeps no other waiting, and nothing of it counts as gone', async (t) => {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  const becomes = (words: string, namespace: string): Promise<void> =>
    cluster.until(async () => {
      await passSeconds(timers, 1)
      return cluster.condition('CertificateProfile', 'web', 'Ready', namespace) === words
    }, `the profile of ${namespace} is ${words}`)
  cluster.apply(issuer('team'))
  cluster.apply(profile('team'))
  const end = cluster.lead({ watch: ['certctl', 'team'] })
  await becomes('True Ready', 'team')
  await end()

  cluster.api.fail({ path: '/namespaces/team/', times: 1_000_000, answer: { status: 403 } })
  cluster.apply(issuer('certctl'))
  cluster.apply(profile('certctl'))
  cluster.lead({ watch: ['certctl', 'team'] })
  await becomes('True Ready', 'certctl')
  const told = cluster.log.lines.find(({ level }) => level === 'error')
  assert.equal(told?.fields['namespace'], 'team')
  const looks = (): number => cluster.counts.get('reconcile CertificateProfile ok') ?? 0
  const before = looks()
  await cluster.until(async () => {
    await passSeconds(timers, 10)
    return looks() >= before + 6
  }, 'the row whose object can not be seen is looked at')
  await cluster.profiles.refresh()
  assert.ok(await cluster.profiles.find('team.web'), 'it is still served')

  cluster.api.recover()
  cluster.apply(`${profile('team')}  suspend: true\n`)
  await becomes('False Suspended', 'team')
})
