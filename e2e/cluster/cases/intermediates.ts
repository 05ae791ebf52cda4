import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCa, signCa } from '../../harness/openssl.ts'
import type { ClusterCase } from '../cases.ts'
import { publishedRoot, verifyUpTo } from '../issued.ts'
import { issuers, profiles, secrets } from '../kinds.ts'
import { createProfile, isReady, selfSignedIssuer, trustProfile, type Place } from '../objects.ts'
import { order, registerAccount } from '../plain-acme.ts'
import { zone } from '../stage.ts'
import { until } from '../wait.ts'

/** CAs that another CA signs, here or elsewhere. */
export const intermediateCases: readonly ClusterCase[] = [
  {
    name: 'an intermediate that another Issuer signs gives chains up to that root',
    async run({ cluster, namespace }) {
      const main = await cluster.main()
      await cluster.api.create(issuers, selfSignedIssuer({ name: 'root', namespace }))
      const subordinate = { mode: 'Parent', parentRef: { name: 'root' }, subject: { commonName: 'E2E intermediate' } }
      const where = { name: 'middle', namespace }
      const profile = await createProfile(
        cluster,
        { metadata: where, spec: { type: 'Subordinate', subordinate } },
        trustProfile(where, 'middle'),
      )
      const client = await registerAccount(profile.status?.acme?.directoryURL ?? '', await main.trustedCa())
      const names = [`middle.${zone}`]
      const chain = await order(client, names)
      await verifyUpTo(await publishedRoot(cluster, { name: 'root', namespace }), chain, names)
      assert.equal(await publishedRoot(cluster, where), await publishedRoot(cluster, { name: 'root', namespace }))
      client.close()
    },
  },
  {
    name: 'an intermediate that a CA elsewhere signs is Ready once its certificate is in the Secret',
    async run({ cluster, namespace }) {
      const main = await cluster.main()
      const where: Place = { name: 'elsewhere', namespace }
      const signedCertificateSecretRef = { name: 'signed' }
      const subordinate = { mode: 'External', signedCertificateSecretRef, subject: { commonName: 'E2E elsewhere' } }
      await cluster.api.create(issuers, { metadata: where, spec: { type: 'Subordinate', subordinate } })
      await cluster.api.create(profiles, trustProfile(where, 'elsewhere'))
      const csr = await until({ what: 'a CSR in the status', seconds: 20 }, async () => {
        return (await cluster.api.get(issuers, where.name, namespace))?.status?.csr
      })
      const folder = await mkdtemp(join(tmpdir(), 'elsewhere-'))
      const root = await makeCa(folder, 'elsewhere-root')
      const csrFile = join(folder, 'request.pem')
      await writeFile(csrFile, csr)
      const rootPem = await readFile(root.certificateFile, 'utf8')
      const stringData = { 'tls.crt': `${await signCa(root, csrFile)}${rootPem}` }
      await cluster.api.create(secrets, { metadata: { name: 'signed', namespace }, stringData })
      await rm(folder, { recursive: true })
      const profile = await isReady(cluster, { kind: profiles, ...where })
      const client = await registerAccount(profile.status?.acme?.directoryURL ?? '', await main.trustedCa())
      const names = [`elsewhere.${zone}`]
      await verifyUpTo(rootPem, await order(client, names), names)
      client.close()
    },
  },
]
