import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterIssuers, clusterTrustBundles, configMaps } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import { rootIssuer as root } from '../../testing/root-issuer.ts'
import { conditionsOf } from './object-status.ts'

/*
 * ClusterIssuers, chains and trust come beside what the operator is for: where one is refused, everything else goes on.
 */

const profile = `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web }
spec:
  issuerRef: { name: root }
  acme: { authMode: TrustAuthenticated, clientNetworks: [10.0.0.0/8] }
  identifiers: { dns: { allowed: ['*.example.com'] } }
  certManager: { clusterIssuer: { enabled: true, solvers: [{ dns01: { nonsense: true } }] } }
`

const always = 1_000_000

test('a ClusterIssuer that cert-manager refuses leaves the profile ready, and the status says why', async (t) => {
  const cluster = await clusterHarness(t)
  const answer = { status: 422, reason: 'Invalid', message: 'spec.acme.solvers[0].dns01: Required value' }
  cluster.api.fail({ method: 'POST', path: 'clusterissuers', times: always, answer })
  cluster.apply(root)
  cluster.apply(profile)
  cluster.lead({ keepsClusterIssuers: true })
  const shown = (type: string): string => cluster.condition('CertificateProfile', 'web', type)
  await cluster.until(() => shown('ClusterIssuer') === 'False ClusterIssuerRefused', 'the status tells of it')
  await cluster.until(() => shown('Ready') === 'True Ready', 'the profile is ready')
  const conditions = conditionsOf(cluster.find('CertificateProfile', 'web')?.status)
  const refused = conditions.find(({ type }) => type === 'ClusterIssuer')
  assert.match(refused?.message ?? '', /dns01: Required value/)
  assert.deepEqual(cluster.api.readAll(clusterIssuers), [])
  assert.ok(await cluster.profiles.find('web'))
})

test('a chain that can not be published leaves the Issuer ready, and the status says why', async (t) => {
  const cluster = await clusterHarness(t)
  const answer = { status: 422, reason: 'Invalid', message: 'the policy of this cluster wants a team label' }
  cluster.api.fail({ method: 'POST', path: '/configmaps', times: always, answer })
  cluster.apply(root)
  cluster.lead()
  await cluster.until(() => cluster.condition('Issuer', 'root') === 'True Ready', 'the Issuer is ready')
  assert.equal(cluster.condition('Issuer', 'root', 'Warning'), 'True ConfigMapRefused')
  const warning = conditionsOf(cluster.find('Issuer', 'root')?.status).find(({ type }) => type === 'Warning')
  assert.match(warning?.message ?? '', /root-ca-chain .*wants a team label/)
})

test('a namespace that does not take what to trust keeps no other from it', async (t) => {
  const cluster = await clusterHarness(t)
  const labels = { 'app.kubernetes.io/managed-by': 'certctl' }
  const annotations = { 'certctl.io/operator-namespace': 'certctl' }
  const metadata = { name: 'certctl-trust', namespace: 'team-a', labels, annotations }
  cluster.api.write(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': 'old' } })
  const answer = { status: 422, reason: 'Invalid', message: 'data: Forbidden: field is immutable' }
  cluster.api.fail({ method: 'PUT', path: '/namespaces/team-a/configmaps', times: always, answer })
  cluster.lead({ trustNamespaces: ['team-a', 'team-b'] })
  const trust = (namespace: string): string | undefined =>
    cluster.api.read(configMaps, { name: 'certctl-trust', namespace })?.data?.['ca.crt']
  await cluster.until(() => trust('team-b')?.includes('listener') === true, 'the other one has it')
  const told = (): boolean =>
    cluster.log.lines.some(
      ({ level, fields }) =>
        level === 'warn' && fields['namespace'] === 'team-a' && String(fields['reason']).includes('immutable'),
    )
  await cluster.until(told, 'the log tells of the one that refused')
  assert.equal(trust('team-a'), 'old')
})

test('what the certctl of another namespace tells clients to trust is left alone', async (t) => {
  const cluster = await clusterHarness(t)
  const labels = { 'app.kubernetes.io/managed-by': 'certctl' }
  const annotations = { 'certctl.io/operator-namespace': 'pki' }
  const map = { name: 'certctl-trust', namespace: 'team-a', labels, annotations }
  cluster.api.write(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: map, data: { 'ca.crt': 'theirs' } })
  cluster.api.write(clusterTrustBundles, {
    apiVersion: 'certificates.k8s.io/v1beta1',
    kind: 'ClusterTrustBundle',
    metadata: { name: 'certctl-trust', labels, annotations },
    spec: { trustBundle: 'theirs' },
  })
  cluster.lead({ trustNamespaces: ['team-a', 'team-b'], clusterTrustBundle: true })
  const trust = (namespace: string): string | undefined =>
    cluster.api.read(configMaps, { name: 'certctl-trust', namespace })?.data?.['ca.crt']
  await cluster.until(() => trust('team-b')?.includes('listener') === true, 'ours is published beside it')
  const told = (words: RegExp) => (): boolean =>
    cluster.log.lines.some(
      ({ level, message, fields }) => level === 'warn' && words.test(`${message} ${String(fields['reason'])}`),
    )
  await cluster.until(told(/not published there .*the certctl of another namespace/), 'the log tells of the ConfigMap')
  await cluster.until(told(/ClusterTrustBundle was made by .*another namespace/), 'and of the ClusterTrustBundle')
  assert.equal(trust('team-a'), 'theirs')
  assert.equal(cluster.api.read(clusterTrustBundles, { name: 'certctl-trust' })?.spec.trustBundle, 'theirs')
})
