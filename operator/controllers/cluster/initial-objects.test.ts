import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { issuers } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import { fakeTimers } from '../../testing/fake-timers.ts'
import { passSeconds } from '../../testing/passing-time.ts'
import { temporaryFolder } from '../../testing/standalone.ts'
import { valueAt } from './custom-object.ts'

const issuer = (name: string, commonName: string): string =>
  `apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata: { name: ${name} }\nspec: { type: SelfSigned, selfSigned: { subject: { commonName: ${commonName} } } }\n`

const profile = `apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: web }
spec: { issuerRef: { name: new }, acme: { authMode: Challenge } }
`

test('objects of the folder are made where they are absent, and never changed', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'a-profile.yaml'), profile)
  await writeFile(join(folder, 'objects.yaml'), `${issuer('old', 'New')}---\n${issuer('new', 'New')}`)
  await writeFile(join(folder, 'broken.yaml'), ': :')
  const cluster = await clusterHarness(t)
  cluster.apply(issuer('old', 'Old'))
  cluster.lead({ initialManifests: folder })
  await cluster.until(() => cluster.condition('Issuer', 'new') === 'True Ready', 'the new one is made and ready')
  const posts = cluster.api.requests.filter(({ method, url }) => method === 'POST' && url.includes('certctl.io'))
  const kinds = posts.map(({ url }) => (url.includes('/issuers') ? 'Issuer' : 'CertificateProfile'))
  assert.deepEqual(kinds, ['Issuer', 'Issuer', 'CertificateProfile'], 'a profile finds its Issuer')
  const old = cluster.api.read(issuers, { namespace: 'certctl', name: 'old' })
  assert.equal(valueAt(old?.spec, 'selfSigned', 'subject', 'commonName'), 'Old')
  assert.ok(cluster.log.lines.some(({ level, message }) => level === 'error' && message.includes('broken.yaml')))
})

const answers: readonly [string, status: number, attempts: number][] = [
  ['met a passing failure is made a little later', 503, 2],
  ['is refused is not asked for again', 422, 1],
]
for (const [what, status, attempts] of answers) {
  test(`an object that ${what}`, async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'objects.yaml'), issuer('new', 'New'))
    const timers = fakeTimers()
    const cluster = await clusterHarness(t, { timers })
    cluster.api.fail({ method: 'POST', path: '/issuers', answer: { status } })
    let rounds = 0
    const caPem = (): Promise<undefined> => {
      rounds += 1
      return Promise.resolve(undefined)
    }
    cluster.lead({ initialManifests: folder, caPem })
    await cluster.until(async () => {
      await passSeconds(timers, 1)
      return rounds === 3
    }, 'there was time for a second attempt and a third')
    const asked = cluster.api.requests.filter(({ method, url }) => method === 'POST' && url.includes('/issuers'))
    assert.equal(asked.length, attempts)
    assert.equal(cluster.find('Issuer', 'new') !== undefined, attempts === 2)
  })
}
