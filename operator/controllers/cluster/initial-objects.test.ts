import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { issuers } from '../../kubernetes/resources.ts'
import { clusterHarness } from '../../testing/cluster.ts'
import { temporaryFolder } from '../../testing/standalone.ts'
import { valueAt } from './custom-object.ts'

test('objects of the folder are made where they are absent, and never changed', async (t) => {
  const folder = await temporaryFolder(t)
  const issuer = (name: string, commonName: string): string =>
    `apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata: { name: ${name} }\nspec: { type: SelfSigned, selfSigned: { subject: { commonName: ${commonName} } } }\n`
  await writeFile(join(folder, 'objects.yaml'), `${issuer('old', 'New')}---\n${issuer('new', 'New')}`)
  await writeFile(join(folder, 'broken.yaml'), ': :')
  const cluster = await clusterHarness(t)
  cluster.apply(issuer('old', 'Old'))
  cluster.lead({ initialManifests: folder })
  await cluster.until(() => cluster.condition('Issuer', 'new') === 'True Ready', 'the new one is made and ready')
  const old = cluster.api.read(issuers, { namespace: 'certctl', name: 'old' })
  assert.equal(valueAt(old?.spec, 'selfSigned', 'subject', 'commonName'), 'Old')
  assert.ok(cluster.log.lines.some(({ level, message }) => level === 'error' && message.includes('broken.yaml')))
})
