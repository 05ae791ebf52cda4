import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterIssuers, clusterTrustBundles, configMaps } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import type { ClusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { rootIssuer as objects } from '../../testing/root-issuer.ts'
import { valueAt } from './custom-object.ts'

const profile = (clusterIssuer = '{ enabled: true }', namespace = 'certctl'): string => `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web, namespace: ${namespace} }
spec:
  issuerRef: { name: root, namespace: certctl }
  acme: { authMode: TrustAuthenticated, clientNetworks: [10.0.0.0/8] }
  identifiers: { dns: { allowed: ['*.example.com'] } }
  certManager: { clusterIssuer: ${clusterIssuer} }
`

async function ready(t: Parameters<typeof clusterHarness>[0], options = {}): Promise<ClusterHarness> {
  const cluster = await clusterHarness(t)
  cluster.apply(objects)
  cluster.apply(profile())
  cluster.lead({ keepsClusterIssuers: true, ...options })
  return cluster
}

const isKept = (cluster: ClusterHarness): boolean =>
  cluster.condition('CertificateProfile', 'web', 'ClusterIssuer') === 'True ClusterIssuer'

test('a ClusterIssuer is made, put right when it is changed or removed, and goes with its profile', async (t) => {
  const cluster = await ready(t)
  await cluster.until(() => isKept(cluster), 'the ClusterIssuer is kept')
  const made = cluster.api.read(clusterIssuers, { name: 'certctl-web' })
  assert.equal(valueAt(made?.spec, 'acme', 'server'), 'https://ca.example/acme/profile/web/directory')
  const bundle = Buffer.from(String(valueAt(made?.spec, 'acme', 'caBundle')), 'base64').toString()
  assert.match(bundle, /listener/)
  assert.deepEqual(valueAt(made?.spec, 'acme', 'privateKeySecretRef'), { name: 'certctl-web-account-key' })

  assert.ok(made)
  cluster.api.write(clusterIssuers, {
    ...made,
    spec: { acme: { ...(valueAt(made.spec, 'acme') as object), server: 'https://elsewhere', email: 'a@example.com' } },
  })
  const spec = (): unknown => cluster.api.read(clusterIssuers, { name: 'certctl-web' })?.spec
  await cluster.until(() => valueAt(spec(), 'acme', 'server') !== 'https://elsewhere', 'it is put right')
  assert.equal(valueAt(spec(), 'acme', 'email'), 'a@example.com', 'what others added is theirs')

  cluster.api.remove(clusterIssuers, { name: 'certctl-web' })
  await cluster.until(() => spec() !== undefined, 'it is made again')

  cluster.apply(profile('{ enabled: true, name: other }'))
  await cluster.until(() => spec() === undefined, 'the one of the old name is removed')
  await cluster.until(() => cluster.api.read(clusterIssuers, { name: 'other' }) !== undefined, 'the new one is made')

  cluster.remove('CertificateProfile', 'web')
  await cluster.until(() => cluster.api.readAll(clusterIssuers).length === 0, 'it goes with its profile')
})

test('a ClusterIssuer of somebody else is left alone', async (t) => {
  const cluster = await clusterHarness(t)
  const theirs = {
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name: 'certctl-web' },
    spec: {},
  }
  cluster.api.write(clusterIssuers, theirs)
  cluster.apply(objects)
  cluster.apply(profile())
  cluster.lead({ keepsClusterIssuers: true })
  await cluster.until(
    () => cluster.condition('CertificateProfile', 'web', 'ClusterIssuer') === 'False ClusterIssuerNotOwned',
    'it is told',
  )
  assert.deepEqual(cluster.api.read(clusterIssuers, { name: 'certctl-web' })?.spec, {})
  await cluster.until(() => cluster.condition('CertificateProfile', 'web') === 'True Ready', 'the profile is ready')
})

test('without cert-manager the profile is served, and says what is missing', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.api.uninstall(clusterIssuers)
  cluster.apply(objects)
  cluster.apply(profile())
  cluster.lead({ keepsClusterIssuers: true })
  await cluster.until(
    () => cluster.condition('CertificateProfile', 'web', 'ClusterIssuer') === 'False CertManagerAbsent',
    'it is told',
  )
  await cluster.until(() => cluster.condition('CertificateProfile', 'web') === 'True Ready', 'the profile is ready')
})

test('neither a tenant nor an operator without the right can have one', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(objects)
  cluster.apply(profile('{ enabled: true }', 'team'))
  cluster.apply(profile())
  cluster.lead({ keepsClusterIssuers: false, watch: 'all' })
  for (const namespace of ['team', 'certctl']) {
    await cluster.until(
      () => cluster.condition('CertificateProfile', 'web', 'Accepted', namespace) === 'False ClusterIssuerNotPermitted',
      `${namespace} is refused`,
    )
  }
  assert.equal(cluster.api.readAll(clusterIssuers).length, 0)
})

test('a bundle that is rotated reaches ClusterIssuer, ConfigMap and ClusterTrustBundle', async (t) => {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  let bundle = 'the first CA'
  cluster.apply(objects)
  cluster.apply(profile())
  cluster.lead({ keepsClusterIssuers: true, clusterTrustBundle: true, caPem: () => Promise.resolve(bundle) })
  const published = (): unknown[] => {
    const spec = cluster.api.read(clusterIssuers, { name: 'certctl-web' })?.spec
    return [
      Buffer.from(String(valueAt(spec, 'acme', 'caBundle')), 'base64').toString(),
      cluster.api.read(configMaps, { namespace: 'certctl', name: 'certctl-trust' })?.data?.['ca.crt'],
      cluster.api.read(clusterTrustBundles, { name: 'certctl-trust' })?.spec.trustBundle,
    ]
  }
  const reaches = (text: string): Promise<void> =>
    cluster.until(async () => {
      await timers.advance(1_000)
      return published().every((one) => one === text)
    }, `${text} is published everywhere`)
  await reaches('the first CA')
  bundle = 'the first CA and the next'
  await reaches('the first CA and the next')
})
