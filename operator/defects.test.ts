import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'
import { AcmeClient } from '../acme/testing/acme-client.ts'
import { csrFor } from '../acme/testing/csr.ts'
import { createTransport } from '../acme/testing/http.ts'
import { createEmptyDatabase } from '../store/testing/database.ts'
import { startServe } from './testing/process.ts'
import type { ServeProcess } from './testing/process.ts'
import { temporaryFolder } from './testing/standalone.ts'

const manifests = ['first', 'second']
  .map(
    (name) => `
apiVersion: certctl.io/v1alpha1
kind: Issuer
metadata: { name: ${name}-ca }
spec:
  type: SelfSigned
  selfSigned: { subject: { commonName: The ${name} CA } }
---
apiVersion: certctl.io/v1alpha1
kind: CertificateProfile
metadata: { name: ${name} }
spec:
  issuerRef: { name: ${name}-ca }
  acme: { authMode: TrustAuthenticated, registration: Open }
  identifiers: { dns: { allowed: ['*.example.com'] } }
`,
  )
  .join('---')

interface Served {
  readonly serve: ServeProcess
  readonly connect: (profile: string) => Promise<AcmeClient>
}

async function serveTwoIssuers(t: TestContext): Promise<Served> {
  const [folder, data] = [await temporaryFolder(t), await temporaryFolder(t)]
  await writeFile(join(folder, 'two.yaml'), manifests)
  const environment = { CERTCTL_DATABASE_URL: await createEmptyDatabase() }
  const serve = await startServe(t, { manifests: folder, data, environment })
  await serve.ready()
  const transport = createTransport({ rootPem: await readFile(join(data, 'tls', 'ca.crt'), 'utf8') })
  t.after(() => transport.close())
  return {
    serve,
    async connect(profile) {
      const directoryUrl = `https://localhost:${serve.ports.acme}/acme/profile/${profile}/directory`
      const client = await AcmeClient.connect({ directoryUrl, transport })
      await client.newAccount()
      return client
    },
  }
}

/** Those of acme/protocol/defects.test.ts that only the whole program can show. */
suite('defects of others that this program must not have', () => {
  test('4: whichever issuer comes first signs, whatever the profile says', async (t) => {
    const { connect } = await serveTwoIssuers(t)
    for (const profile of ['second', 'first']) {
      const client = await connect(profile)
      const { body: order } = await client.newOrder(['a.example.com'])
      const { body: finalized } = await client.finalize(order, csrFor(['a.example.com']).der)
      const { body: pem } = await client.certificate(finalized.certificate ?? '')
      assert.equal(new X509Certificate(pem).issuer, `CN=The ${profile} CA`)
    }
  })

  test('14: what the ACME server does is not among the metrics', async (t) => {
    const { serve, connect } = await serveTwoIssuers(t)
    const client = await connect('first')
    const { body: order } = await client.newOrder(['a.example.com'])
    await client.finalize(order, csrFor(['a.example.com']).der)
    await client.newOrder(['a.example.net'])
    const metrics = await (await fetch(`http://127.0.0.1:${serve.ports.metrics}/metrics`)).text()
    for (const line of [
      'certctl_acme_requests_total{endpoint="newOrder",status="201"} 1',
      'certctl_acme_requests_total{endpoint="newOrder",status="403"} 1',
      'certctl_acme_requests_total{endpoint="finalize",status="200"} 1',
      'certctl_acme_problems_total{type="rejectedIdentifier"} 1',
      'certctl_acme_order_to_valid_seconds_count 1',
      'certctl_ca_signing_seconds_count 1',
    ]) {
      assert.ok(metrics.includes(`\n${line}\n`), line)
    }
  })
})
