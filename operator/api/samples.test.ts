import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readManifests } from '../manifests/folder.ts'
import { objectTitle } from '../manifests/manifest.ts'
import { crdFolder, shippedSchema } from '../testing/crd-schema.ts'
import { crdVerdict } from '../testing/crd-verdict.ts'
import { certificateProfile } from './certificate-profile.ts'
import { check } from './check.ts'
import { issuer } from './issuer.ts'

const readers = { Issuer: issuer, CertificateProfile: certificateProfile }

for (const [folder, count] of [
  ['samples', 3],
  ['samples-cluster', 7],
] as const) {
  test(`what lies in crds/${folder} is accepted by the code and by the CRDs`, async () => {
    const { manifests, mistakes } = await readManifests(join(crdFolder, folder), { defaultNamespace: 'certctl' })
    assert.deepEqual(mistakes, [])
    assert.equal(manifests.length, count)
    for (const manifest of manifests) {
      const { kind, content } = manifest
      assert.ok(kind !== 'Secret', 'a sample brings a key along')
      const read = check(readers[kind], content)
      assert.ok(read.ok, JSON.stringify(read))
      assert.deepEqual(crdVerdict(shippedSchema(kind), content), [], objectTitle(manifest))
    }
  })
}
