import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseUnreachable } from '../../../store/errors.ts'
import { certificateProfiles, namespaces } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import { rootIssuer } from '../../testing/root-issuer.ts'
import { whileAway } from './database-away.ts'
import { conditionsOf, createObjectStatuses } from './object-status.ts'

const issuer = (allowedProfiles = '{}'): string => `${rootIssuer}  allowedProfiles: ${allowedProfiles}
`

const profile = (namespace: string, { names = "'*.example.com'", changes = '' } = {}): string => `
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web, namespace: ${namespace} }
spec:
  issuerRef: { name: root, namespace: certctl }
  acme: { authMode: Challenge, validation: { allowedNetworks: [10.0.0.0/8] } }
  identifiers: { dns: { allowed: [${names}] } }
  ${changes}
`

/** `maxLength` of a condition's message in the CRDs: the API server refuses a whole status for one that is longer. */
const longestAccepted = 32_768

test('a message that many mistakes make long is cut to what the API server accepts', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.api.write(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
  const list = (patternOf: (index: number) => string): string =>
    Array.from({ length: 40 }, (_, index) => `'${patternOf(index)}'`).join(', ')
  const permitted = list((index) => `**.team-${index}.apps.example.com`)
  cluster.apply(
    issuer(`{ namespaces: { from: All }, ceilings: { identifiers: { dns: { allowed: [${permitted}] } } } }`),
  )
  cluster.apply(profile('team', { names: list((index) => `*.service-${index}.elsewhere.example.org`) }))
  cluster.lead({ watch: 'all' })
  await cluster.until(
    () => cluster.condition('CertificateProfile', 'web', 'Ready', 'team') === 'False ExceedsIssuerLimits',
    'it is refused',
  )
  const messages = conditionsOf(cluster.find('CertificateProfile', 'web', 'team')?.status).map(({ message }) => message)
  assert.ok(messages.some((message) => message.endsWith('…')))
  assert.ok(messages.every((message) => message.length <= longestAccepted))
})

test('while the database is away, nothing is said of a spec that nobody has looked at', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(issuer())
  const old = cluster.apply(profile('certctl'))
  const end = cluster.lead()
  await cluster.until(() => cluster.condition('CertificateProfile', 'web') === 'True Ready', 'the profile is ready')
  await end()

  const { client, clock } = cluster
  const statuses = createObjectStatuses({ client, clock, events: { record: () => {} } })
  const lookAt = (object = old): Promise<unknown> =>
    whileAway({ statuses }, certificateProfiles, object, () => Promise.reject(new DatabaseUnreachable('away')))
  const shown = (): string[] =>
    ['Accepted', 'Synced', 'Ready'].map((type) => cluster.condition('CertificateProfile', 'web', type))

  await assert.rejects(lookAt(cluster.find('CertificateProfile', 'web')), DatabaseUnreachable)
  assert.deepEqual(shown(), ['True Accepted', 'False DatabaseUnavailable', 'False DatabaseUnavailable'])

  const wrong = cluster.apply(profile('certctl', { changes: 'validity: { default: 48h, max: 24h }' }))
  await assert.rejects(lookAt(wrong), DatabaseUnreachable)
  assert.deepEqual(shown(), ['', 'False DatabaseUnavailable', 'False DatabaseUnavailable'])
})
