import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { servingTls } from '../operator/testing/serving-tls.ts'
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

/** A public certificate has no name of the Service, which is where it is shown all the same. */
const published = { tls: { mode: 'existingSecret', existingSecret: { name: 'public', caKey: '' } } }
const bases = [
  { base: 'https://certctl.certctl.svc:8443', values: samples },
  {
    base: 'https://ca.example.com',
    values: { ...samples, ...published, server: { externalUrls: ['https://ca.example.com'] } },
  },
]

for (const { base, values } of bases) {
  test(`helm test asks for readiness and for every directory that is known below ${base}`, async (t) => {
    const host = new URL(base).host
    const { key, cert, ca } = await servingTls(t, [new URL(base).hostname])
    const caFile = join(temporaryFolder(), 'ca.crt')
    writeFileSync(caFile, ca)
    const [{ command, args }] = find(render(values), 'Pod', 'certctl-test')['spec'].containers
    assert.deepEqual(args.slice(1, 3), ['certctl.certctl.svc:8443', base])
    const asked: string[] = []
    const server = createServer({ key, cert }, (request, response) => {
      asked.push(`${request.headers.host}${request.url}`)
      response.end(JSON.stringify({ newOrder: `https://${request.headers.host}/acme/new-order` }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    try {
      const [node, ...options] = command
      assert.equal(node, 'node')
      const here = [args[0], `127.0.0.1:${address.port}`, ...args.slice(2)]
      const env = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: caFile }
      const { stdout } = await run(process.execPath, [...options, ...here], { env })
      assert.deepEqual(asked, [
        `${host}/ready`,
        `${host}/acme/directory`,
        `${host}/acme/profile/trusted/directory`,
        `${host}/acme/profile/challenge/directory`,
      ])
      assert.match(stdout, /\/ready: ready\n/)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
}

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
