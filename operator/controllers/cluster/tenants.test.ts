import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsOf } from './object-status.ts'
import { namespaces } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import type { ClusterHarness } from '../../testing/cluster.ts'
import { rootIssuer } from '../../testing/root-issuer.ts'

const issuer = (allowedProfiles: string): string => `${rootIssuer}  allowedProfiles: ${allowedProfiles}
`

const tenant = (changes = ''): string => `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web, namespace: team }
spec:
  issuerRef: { name: root, namespace: certctl }
  acme: { authMode: Challenge, validation: { allowedNetworks: [10.0.0.0/8] } }
  identifiers: { dns: { allowed: ['*.team.example.com'] } }
  ${changes}
`

async function aCluster(t: Parameters<typeof clusterHarness>[0], allowedProfiles: string): Promise<ClusterHarness> {
  const cluster = await clusterHarness(t)
  cluster.api.write(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'team', labels: { tier: 'prod' } },
  })
  cluster.apply(issuer(allowedProfiles))
  return cluster
}

function becomes(cluster: ClusterHarness, words: string): Promise<void> {
  const holds = (): boolean => cluster.condition('CertificateProfile', 'web', 'Ready', 'team') === words
  return cluster.until(holds, `the tenant's profile is ${words}`)
}

function issuingEnds(cluster: ClusterHarness): Promise<void> {
  return cluster.until(async () => {
    await cluster.profiles.refresh()
    return (await cluster.profiles.find('team.web'))?.policy.suspended === true
  }, 'nothing is issued any more')
}

function message(cluster: ClusterHarness, type: string): string {
  const { status } = cluster.find('CertificateProfile', 'web', 'team') ?? {}
  return conditionsOf(status).find((condition) => condition.type === type)?.message ?? ''
}

test('an Issuer keeps profiles of other namespaces out until it lets them in', async (t) => {
  const cluster = await aCluster(t, '{}')
  cluster.apply(tenant())
  cluster.lead({ watch: 'all' })
  await becomes(cluster, 'False NotPermitted')
  assert.match(message(cluster, 'ResolvedRefs'), /does not allow profiles of namespace team/)
  assert.equal(await cluster.profiles.find('team.web'), undefined)

  cluster.apply(issuer('{ namespaces: { from: All } }'))
  await becomes(cluster, 'True Ready')
  assert.ok(await cluster.profiles.find('team.web'))

  cluster.apply(issuer('{ namespaces: { from: Same } }'))
  await becomes(cluster, 'False NotPermitted')
  await issuingEnds(cluster)
})

const breakages: Record<string, string> = {
  'names an Issuer that does not exist': tenant().replace('name: root,', 'name: nowhere,'),
  'asks for a ClusterIssuer': tenant('certManager: { clusterIssuer: { enabled: true } }'),
  "exceeds the operator's caps": tenant().replace('10.0.0.0/8', '169.254.169.254/32'),
  'exceeds the ceilings': tenant('validity: { default: 24h, max: 721h }'),
  'is invalid': tenant('validity: { default: 48h, max: 24h }'),
}
for (const [way, broken] of Object.entries(breakages)) {
  test(`a profile that ${way} is shut out all the same`, async (t) => {
    const ceilings = 'ceilings: { validity: { max: 720h } }'
    const cluster = await aCluster(t, `{ namespaces: { from: All }, ${ceilings} }`)
    const within = tenant('validity: { default: 24h, max: 720h }')
    cluster.apply(within)
    cluster.lead({ watch: 'all', caps: { networks: ['10.0.0.0/8'] } })
    await becomes(cluster, 'True Ready')
    cluster.apply(broken)
    const shown = (): string => cluster.condition('CertificateProfile', 'web', 'Ready', 'team')
    await cluster.until(() => shown().startsWith('False'), 'its author broke it')
    await cluster.profiles.refresh()
    assert.equal((await cluster.profiles.find('team.web'))?.policy.suspended, false, 'the last good word is served')

    cluster.apply(issuer(`{ namespaces: { from: Same }, ${ceilings} }`))
    await issuingEnds(cluster)

    cluster.apply(issuer(`{ namespaces: { from: All }, ${ceilings} }`))
    cluster.apply(within)
    await becomes(cluster, 'True Ready')
    await cluster.profiles.refresh()
    assert.equal((await cluster.profiles.find('team.web'))?.policy.suspended, false, 'it is let in again')
  })
}

test('a namespace is let in and kept out by its labels', async (t) => {
  const cluster = await aCluster(t, '{ namespaces: { from: Selector, selector: { matchLabels: { tier: prod } } } }')
  cluster.apply(tenant())
  cluster.lead({ watch: 'all' })
  await becomes(cluster, 'True Ready')
  cluster.api.write(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team', labels: {} } })
  await becomes(cluster, 'False NotPermitted')
  assert.match(message(cluster, 'ResolvedRefs'), /label Namespace team/)
})

test('labels are not known to an operator of a few namespaces, and it says so', async (t) => {
  const cluster = await aCluster(t, '{ namespaces: { from: Selector, selector: { matchLabels: { tier: prod } } } }')
  cluster.apply(tenant())
  cluster.lead({ watch: ['certctl', 'team'] })
  await becomes(cluster, 'False NotPermitted')
  assert.match(message(cluster, 'ResolvedRefs'), /CERTCTL_WATCH_NAMESPACES/)
})

test('ceilings refuse a profile that exceeds them, and what was served goes on', async (t) => {
  const cluster = await aCluster(
    t,
    "{ namespaces: { from: All }, ceilings: { identifiers: { dns: { allowed: ['**.team.example.com'] } }, authModes: [Challenge], validity: { max: 720h } } }",
  )
  cluster.apply(tenant())
  cluster.lead({ watch: 'all' })
  await becomes(cluster, 'False ExceedsIssuerLimits')
  assert.match(message(cluster, 'Accepted'), /720h|30d|valid/i)
  cluster.apply(tenant('validity: { default: 240h, max: 720h }'))
  await becomes(cluster, 'True Ready')
  cluster.apply(tenant('validity: { default: 240h, max: 721h }'))
  await becomes(cluster, 'False ExceedsIssuerLimits')
  assert.equal((await cluster.profiles.find('team.web'))?.policy.validity.maxSeconds, 720 * 3600)
})

test("the operator's caps bound what the validation of any profile may reach", async (t) => {
  const cluster = await aCluster(t, '{ namespaces: { from: All } }')
  cluster.apply(tenant().replace('10.0.0.0/8', '169.254.169.254/32'))
  cluster.lead({ watch: 'all', caps: { networks: ['10.0.0.0/8'], resolvers: ['10.0.0.10'] } })
  await becomes(cluster, 'False ExceedsOperatorLimits')
  assert.match(message(cluster, 'Accepted'), /allowedNetworks\[0\].*VALIDATION_NETWORKS_CAP/)
  cluster.apply(tenant().replace('[10.0.0.0/8]', "[10.1.0.0/16], resolvers: ['10.0.0.10:53']"))
  await becomes(cluster, 'True Ready')
  cluster.apply(tenant().replace('[10.0.0.0/8]', "[10.1.0.0/16], resolvers: ['10.0.0.11']"))
  await becomes(cluster, 'False ExceedsOperatorLimits')
})

test('what is declared where nobody watches stays as it is', async (t) => {
  const cluster = await aCluster(t, '{ namespaces: { from: All } }')
  cluster.apply(tenant())
  const end = cluster.lead({ watch: 'all' })
  await becomes(cluster, 'True Ready')
  await end()
  cluster.lead({ watch: ['certctl'] })
  cluster.apply(issuer('{ namespaces: { from: All }, ceilings: { authModes: [Challenge] } }'))
  await cluster.until(() => cluster.condition('Issuer', 'root') === 'True Ready', 'the Issuer is seen again')
  await cluster.profiles.refresh()
  assert.ok(await cluster.profiles.find('team.web'))
})
