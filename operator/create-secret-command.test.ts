import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { secrets } from './kubernetes/resources.ts'
import { startApiServer } from './testing/api-server.ts'
import { runCertctl } from './testing/process.ts'
import { temporaryFolder } from './testing/standalone.ts'

test('a Secret is made once, with random values, and never changed', async (t) => {
  const api = await startApiServer(t)
  const kubeconfig = join(await temporaryFolder(t), 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  }
  await writeFile(kubeconfig, stringify(config))
  const create = (keys: string): ReturnType<typeof runCertctl> =>
    runCertctl(['create-secret', '--name', 'database', '--random', keys, '--kubeconfig', kubeconfig])
  const read = (): Readonly<Record<string, string>> | undefined =>
    api.read(secrets, { namespace: 'certctl', name: 'database' })?.data

  const made = await create('password')
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /^Secret certctl\/database made$/m)
  const password = Buffer.from(read()?.['password'] ?? '', 'base64').toString()
  assert.match(password, /^[0-9a-f]{64}$/)
  assert.ok(!made.stdout.includes(password))

  assert.match((await create('password')).stdout, /exists and stays as it is/)
  assert.equal(Buffer.from(read()?.['password'] ?? '', 'base64').toString(), password)

  const lacking = await create('password,other')
  assert.equal(lacking.code, 1)
  assert.match(lacking.stderr, /exists without a value for other; add it, or name another Secret/)
  assert.equal(read()?.['other'], undefined)

  const stored = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'certctl', name: 'database' } }
  api.write(secrets, { ...stored, data: { password: '' } })
  const empty = await create('password')
  assert.equal(empty.code, 1)
  assert.match(empty.stderr, /exists without a value for password/)

  const metadata = { ...stored.metadata, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/slow'] }
  api.write(secrets, { ...stored, metadata, data: { password: 'c2VjcmV0' } })
  const leaving = await create('password')
  assert.equal(leaving.code, 1)
  assert.match(leaving.stderr, /is being deleted; try again when it is gone/)

  for (const keys of [',', 'password,', ' ']) {
    const slip = await create(keys)
    assert.equal(slip.code, 2, keys)
    assert.match(slip.stderr, /--random has an empty key/)
  }

  api.fail({ method: 'POST', path: 'secrets', answer: { status: 403, message: 'secrets is forbidden' } })
  const forbidden = await create('password')
  assert.equal(forbidden.code, 1)
  assert.match(forbidden.stderr, /secrets is forbidden/)
})
