import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { findProfile } from '../../../store/profiles.ts'
import { beat } from '../../../store/replicas.ts'
import { readSnapshotVersion } from '../../../store/snapshot.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { passSeconds } from '../../testing/passing-time.ts'
import { rootIssuer } from '../../testing/root-issuer.ts'
import { conditionsOf } from './object-status.ts'

const issuer = (changes = ''): string => `${rootIssuer}  ${changes}
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

test('a profile waits for a replica that has not heard the last word of its Issuer', async (t) => {
  const timers = fakeTimers()
  const cluster = await clusterHarness(t, { timers })
  const becomes = (kind: 'Issuer' | 'CertificateProfile', words: string): Promise<void> =>
    cluster.until(async () => {
      await passSeconds(timers, 1)
      return cluster.condition(kind, kind === 'Issuer' ? 'root' : 'web') === words
    }, `${kind} is ${words}`)
  cluster.apply(issuer())
  cluster.apply(profile)
  cluster.lead()
  await becomes('CertificateProfile', 'True Ready')
  cluster.apply(issuer('suspend: true'))
  await becomes('Issuer', 'False Suspended')
  await becomes('CertificateProfile', 'False IssuerNotReady')

  const version = await readSnapshotVersion(cluster.db)
  await beat(cluster.db, { id: 'replica-b', version, missingIssuers: [] })
  const eventsBefore = cluster.events.length
  cluster.apply(issuer())
  await becomes('CertificateProfile', 'False Pending')
  const ready = conditionsOf(cluster.find('CertificateProfile', 'web')?.status).find(({ type }) => type === 'Ready')
  assert.match(ready?.message ?? '', /replica-b has not loaded it yet/)
  const served = await findProfile(cluster.db, { namespace: 'certctl', name: 'web' })
  assert.ok(served !== undefined && served.version <= version, 'it has heard all of the profile itself')
  const told = cluster.events.slice(eventsBefore).filter(({ name, reason }) => name === 'web' && reason === 'Ready')
  assert.deepEqual(told, [], 'it was not ready for a moment either')

  await sql`update replicas set version = version + 1000, beat_at = certctl_now() where id = 'replica-b'`.execute(
    cluster.db,
  )
  await becomes('CertificateProfile', 'True Ready')
})

test('a profile has its directory as soon as its Issuer is known, also one that is suspended', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.apply(profile)
  cluster.lead()
  const shown = (): string => cluster.condition('CertificateProfile', 'web')
  await cluster.until(() => shown() === 'False IssuerNotFound', 'there is no Issuer yet')
  cluster.apply(issuer('suspend: true'))
  await cluster.until(async () => {
    await cluster.profiles.refresh()
    return (await cluster.profiles.find('web')) !== undefined
  }, 'the directory is served')
  await cluster.until(() => shown() === 'False IssuerNotReady', 'the profile waits for the Issuer')
})
