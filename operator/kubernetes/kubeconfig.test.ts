import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { stringify } from 'yaml'
import { startApiServer } from '../testing/api-server.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import { servingTls } from '../testing/serving-tls.ts'
import { temporaryFolder } from '../testing/standalone.ts'
import { createKubernetesClient } from './client.ts'
import { kubeconfigCredentials } from './kubeconfig.ts'
import { secrets } from './resources.ts'

async function kubeconfig(t: TestContext, parts: { cluster: object; user: object; files?: Record<string, string> }) {
  const folder = await temporaryFolder(t)
  for (const [name, text] of Object.entries(parts.files ?? {})) await writeFile(join(folder, name), text)
  const file = join(folder, 'config')
  await writeFile(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: parts.cluster }],
      users: [{ name: 'u', user: parts.user }],
    }),
  )
  return file
}

test('a kubeconfig’s CA and token are used, over connections that are kept', async (t) => {
  const tls = await servingTls(t)
  const server = await startApiServer(t, { tls, token: 'of the file' })
  const file = await kubeconfig(t, {
    cluster: { server: server.url, 'certificate-authority-data': Buffer.from(tls.ca).toString('base64') },
    user: { token: 'of the file' },
  })
  const client = createKubernetesClient({ credentials: await kubeconfigCredentials(file), timers: fakeTimers() })
  t.after(() => client.close())
  for (let i = 0; i < 5; i++) assert.equal(await client.get(secrets, { namespace: 'team', name: 'a' }), undefined)
  assert.equal(server.connections, 1)
})

test('a server with a certificate of another CA is not believed', async (t) => {
  const server = await startApiServer(t, { tls: await servingTls(t) })
  const { ca } = await servingTls(t)
  const cluster = { server: server.url, 'certificate-authority': 'ca.crt' }
  const file = await kubeconfig(t, { cluster, user: { token: 'x' }, files: { 'ca.crt': ca } })
  const client = createKubernetesClient({ credentials: await kubeconfigCredentials(file), timers: fakeTimers() })
  t.after(() => client.close())
  await assert.rejects(client.list(secrets, {}), { name: 'ApiServerUnreachable', message: /certificate/ })
})

test('client certificates are read relative to the file', async (t) => {
  const { key, cert } = await servingTls(t)
  const file = await kubeconfig(t, {
    cluster: { server: 'https://127.0.0.1:6443', 'tls-server-name': 'kubernetes' },
    user: { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' },
    files: { 'tls.crt': cert, 'tls.key': key },
  })
  const credentials = await kubeconfigCredentials(file)
  const options = await credentials.requestOptions()
  assert.equal(credentials.url, 'https://127.0.0.1:6443')
  const given = [options.cert, options.key, options.servername]
  assert.deepEqual(given, [Buffer.from(cert), Buffer.from(key), 'kubernetes'])
  assert.equal(options.agent, undefined)
})

test('a way through a proxy keeps its agent', async (t) => {
  const cluster = { server: 'https://127.0.0.1:6443', 'proxy-url': 'http://127.0.0.1:3128' }
  const credentials = await kubeconfigCredentials(await kubeconfig(t, { cluster, user: { token: 'x' } }))
  assert.ok((await credentials.requestOptions()).agent)
})

test('a file that is missing, is no YAML or names no cluster is told by its name', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'config')
  await assert.rejects(kubeconfigCredentials(file), /kubeconfig .*config can't be read: ENOENT/)
  await writeFile(file, '{')
  await assert.rejects(kubeconfigCredentials(file), /kubeconfig .*config can't be read/)
  await writeFile(file, stringify({ apiVersion: 'v1', kind: 'Config', clusters: [], contexts: [], users: [] }))
  await assert.rejects(kubeconfigCredentials(file), /has no current context with a cluster/)
})
