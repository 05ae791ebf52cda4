import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { find, render, repositoryFolder } from './testing/helm.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const run = promisify(execFile)
const samples = { sampleProfiles: { enabled: true }, acmeServer: { defaultProfileId: 'trusted' } }

test('the program finds no mistake in the samples', async () => {
  const folder = temporaryFolder()
  const { data } = find(render(samples), 'ConfigMap', 'certctl-initial-manifests')
  for (const [name, content] of Object.entries<string>(data)) writeFileSync(join(folder, name), content)
  assert.deepEqual(Object.keys(data).toSorted(), [
    'certificateprofile-challenge.yaml',
    'certificateprofile-trusted.yaml',
    'issuer-sample-ca.yaml',
  ])
  const program = join(repositoryFolder, 'operator', 'main.ts')
  await run(process.execPath, [program, 'check', '--manifests', folder])
})

test('helm test asks for readiness and for every directory that is known', async () => {
  const [{ command, args }] = find(render(samples), 'Pod', 'certctl-test')['spec'].containers
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end(JSON.stringify({ newOrder: `http://${request.headers.host}/acme/new-order` }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  try {
    const [node, ...options] = command
    assert.equal(node, 'node')
    const here = args.map((arg: string) =>
      arg.replace(/^https:\/\/certctl\.certctl\.svc:8443$/, `http://127.0.0.1:${address.port}`),
    )
    const { stdout } = await run(process.execPath, [...options, ...here])
    assert.deepEqual(asked, [
      '/ready',
      '/acme/directory',
      '/acme/profile/trusted/directory',
      '/acme/profile/challenge/directory',
    ])
    assert.match(stdout, /\/ready: ready\n/)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('the Postgres client takes the password from its variable, whatever characters it has', () => {
  const password = 'a/b@c:d?e#f %41'
  const external = { host: 'pg.example.com', existingSecret: 'db' }
  const urls = [{}, { postgresql: { enabled: false }, externalDatabase: external }].map((values) => {
    const { env } = find(render(values), 'Deployment', 'certctl')['spec'].template.spec.containers[0]
    return env.find(({ name }: { name: string }) => name === 'CERTCTL_DATABASE_URL').value
  })
  process.env['PGPASSWORD'] = password
  try {
    const [embedded, ...others] = urls.map((connectionString) => new pg.Client({ connectionString }))
    const [elsewhere] = others
    assert.ok(embedded && elsewhere)
    assert.equal(embedded.password, password)
    assert.equal(embedded.host, 'certctl-postgresql.certctl.svc')
    assert.equal(elsewhere.password, password)
    assert.deepEqual([elsewhere.host, elsewhere.port, elsewhere.database], ['pg.example.com', 5432, 'certctl'])
    assert.ok('ssl' in elsewhere && elsewhere.ssl !== false, 'the connection is not encrypted')
  } finally {
    delete process.env['PGPASSWORD']
  }
})
