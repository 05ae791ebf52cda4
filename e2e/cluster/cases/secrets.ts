import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCa, makeCertificate, type KeyPairFiles } from '../../harness/openssl.ts'
import type { ApiClient } from '../api-client.ts'
import type { ClusterCase } from '../cases.ts'
import { publishedRoot } from '../issued.ts'
import { issuers, secrets, type Issuer } from '../kinds.ts'
import { isReady, reaches, type Place } from '../objects.ts'

/** A CA that somebody brings along in a Secret, with all that can be wrong with it. */
export const secretCases: readonly ClusterCase[] = [
  {
    name: 'a missing, wrong or swapped Secret is named by its cause, and a mended one is noticed by itself',
    seconds: 120,
    async run({ cluster, namespace }) {
      await cluster.main()
      const folder = await mkdtemp(join(tmpdir(), 'brought-'))
      const ca = await makeCa(folder, 'brought')
      const other = await makeCa(folder, 'other')
      const leaf = await makeCertificate(ca, 'leaf', { subject: '/CN=leaf', names: ['DNS:leaf.example.com'] })
      const where = { kind: issuers, name: 'brought', namespace }
      const secret = { name: 'brought', namespace }
      await cluster.api.create(issuers, caSecretIssuer(where, secret.name))
      const fails = (reason: string): Promise<Issuer> =>
        reaches(cluster, where, { type: 'ResolvedRefs', status: 'False', reason })
      await fails('SecretNotFound')
      await putPair(cluster.api, secret, { certificateFile: ca.certificateFile, keyFile: other.keyFile })
      const swapped = await fails('KeyMismatch')
      assert.match(JSON.stringify(swapped.status?.conditions), new RegExp(secret.name))
      await putPair(cluster.api, secret, leaf)
      await fails('NotACA')
      await putPair(cluster.api, secret, ca)
      const mended = await isReady(cluster, where)
      assert.equal(mended.metadata.generation, 1, 'the Issuer was not touched')
      assert.equal((await publishedRoot(cluster, where)).trim(), (await readFile(ca.certificateFile, 'utf8')).trim())
      await rm(folder, { recursive: true })
    },
  },
]

function caSecretIssuer({ name, namespace }: Place, secretName: string): Issuer {
  return { metadata: { name, namespace }, spec: { type: 'CASecret', caSecret: { secretRef: { name: secretName } } } }
}

async function putPair(api: ApiClient, { name, namespace }: Place, pair: KeyPairFiles): Promise<void> {
  const stringData = {
    'tls.crt': await readFile(pair.certificateFile, 'utf8'),
    'tls.key': await readFile(pair.keyFile, 'utf8'),
  }
  await api.delete(secrets, name, namespace)
  await api.create(secrets, { metadata: { name, namespace }, type: 'kubernetes.io/tls', stringData })
}
