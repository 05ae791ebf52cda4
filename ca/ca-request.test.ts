import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createCaRequest } from './ca-request.ts'
import { parseCertificateRequest } from './certificate-request.ts'
import type { KeySpec } from './keys.ts'
import { createLocalSigner } from './signer.ts'
import { aKey, assertRefused, p256 } from './testing/builders.ts'
import { haveTools, scratchFolder, tool } from './testing/verifiers.ts'

for (const keySpec of [p256, { algorithm: 'RSA', bits: 2048 }, { algorithm: 'Ed25519' }] satisfies KeySpec[]) {
  test(`openssl verifies a request for a CA with a key of ${JSON.stringify(keySpec)}`, async (t) => {
    if (!haveTools(t, 'openssl')) return
    const file = join(await scratchFolder(t), 'ca.csr')
    const spec = { subject: { commonName: 'Issuing', country: ['DE'] }, pathLength: 0 }
    await writeFile(file, await createCaRequest(spec, createLocalSigner(await aKey(keySpec))))
    const text = await tool('openssl', 'req', '-in', file, '-inform', 'DER', '-verify', '-noout', '-text')
    assert.match(text, /Subject: C = DE, CN = Issuing/)
    assert.match(text, /CA:TRUE, pathlen:0/)
    assert.match(text, /Certificate Sign, CRL Sign/)
  })
}

test('a request for a CA is nothing that the ACME side accepts', async () => {
  const der = await createCaRequest({ subject: { commonName: 'Issuing' } }, createLocalSigner(await aKey(p256)))
  await assertRefused('csr-bad-extension', () => parseCertificateRequest(der))
})
