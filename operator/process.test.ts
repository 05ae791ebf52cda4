import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createEmptyDatabase } from '../store/testing/database.ts'
import { startPostgres } from '../store/testing/postgres.ts'
import { runCertctl, startServe } from './testing/process.ts'
import type { ServeProcess } from './testing/process.ts'
import { temporaryFolder } from './testing/standalone.ts'

const samples = join(import.meta.dirname, '..', 'crds', 'samples')

async function rootOf({ ports }: ServeProcess): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${ports.pki}/ca/sample-ca.pem`)
  assert.equal(answer.status, 200)
  return answer.text()
}

test('the first start serves the samples, a second one keeps the same CA', async (t) => {
  const data = await temporaryFolder(t)
  const first = await startServe(t, { manifests: samples, data })
  await first.ready()
  assert.equal((await first.get('/health')).status, 200)
  const directory = await first.get('/acme/profile/trusted/directory')
  assert.equal(directory.status, 200)
  assert.match(
    directory.body,
    new RegExp(`"newNonce":"https://localhost:${first.ports.acme}/acme/profile/trusted/new-nonce"`),
  )
  assert.equal((await first.get('/acme/profile/none/directory')).status, 404)

  const root = await rootOf(first)
  assert.equal(new X509Certificate(root).subject, 'O=Example\nCN=Sample CA')
  const der = await fetch(`http://127.0.0.1:${first.ports.pki}/ca/sample-ca/1.crt`)
  assert.equal(der.headers.get('content-type'), 'application/pkix-cert')
  assert.equal(
    new X509Certificate(Buffer.from(await der.arrayBuffer())).toString(),
    new X509Certificate(root).toString(),
  )
  assert.equal((await fetch(`http://127.0.0.1:${first.ports.pki}/ca/sample-ca/2.crt`)).status, 404)

  const metrics = await (await fetch(`http://127.0.0.1:${first.ports.metrics}/metrics`)).text()
  assert.match(metrics, /certctl_acme_requests_total\{endpoint="directory",status="200"\} 1/)
  assert.match(metrics, /certctl_reconcile_total\{kind="Issuer",result="ok"\} 1/)
  assert.match(metrics, /certctl_db_round_trips_total [0-9]+/)
  assert.match(metrics, /certctl_ready 1/)
  const stopped = await first.end()
  assert.equal(stopped.code, 0)
  assert.ok(stopped.milliseconds < 5000, `the stop took ${stopped.milliseconds} ms`)

  const second = await startServe(t, { manifests: samples, data })
  await second.ready()
  assert.equal(await rootOf(second), root)
  await second.end()
})

test('metrics are served over TLS alone where that is asked for, with the certificate of the ACME listener', async (t) => {
  const environment = { CERTCTL_METRICS_TLS: 'on' }
  const serve = await startServe(t, { manifests: samples, data: await temporaryFolder(t), environment })
  await serve.ready()
  const { status, headers, body } = await serve.getMetrics('/metrics')
  assert.equal(status, 200)
  assert.match(String(headers['content-type']), /^text\/plain/)
  assert.match(body, /certctl_ready 1/)
  assert.equal((await serve.getMetrics('/')).status, 404)
  await assert.rejects(fetch(`http://127.0.0.1:${serve.ports.metrics}/metrics`), 'plain HTTP was answered')
  assert.equal((await serve.end()).code, 0)
})

async function withoutDatabase(t: TestContext, environment: Record<string, string> = {}): Promise<ServeProcess> {
  return startServe(t, {
    manifests: samples,
    data: await temporaryFolder(t),
    environment: { CERTCTL_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', ...environment },
  })
}

test('without its database the process lives, is not ready, and asks clients to come back', async (t) => {
  const serve = await withoutDatabase(t)
  let health = await serve.get('/health').catch(() => undefined)
  for (let i = 0; health === undefined && i < 200; i++) {
    await sleep(50)
    health = await serve.get('/health').catch(() => undefined)
  }
  assert.equal(health?.status, 200)
  assert.equal((await serve.get('/ready')).status, 503)
  const directory = await serve.get('/acme/profile/trusted/directory')
  assert.equal(directory.status, 503)
  assert.equal(directory.headers['retry-after'], '5')
  assert.equal(directory.headers['content-type'], 'application/problem+json')
  assert.equal((await serve.end()).code, 0, 'a start that waits can be stopped')
  assert.match(serve.output(), /the database is not there yet; trying again/)
})

test('on Postgres an idle process needs less than 150 MB, and a manifest is reread when it changes', async (t) => {
  const manifests = await temporaryFolder(t)
  const issuer = await readFile(join(samples, 'issuer.yaml'), 'utf8')
  const profile = await readFile(join(samples, 'profile-trusted.yaml'), 'utf8')
  await writeFile(join(manifests, 'issuer.yaml'), issuer)
  const environment = { CERTCTL_DATABASE_URL: await createEmptyDatabase() }
  const serve = await startServe(t, { manifests, data: await temporaryFolder(t), environment })
  await serve.ready()
  assert.equal((await serve.get('/acme/profile/trusted/directory')).status, 404)
  await writeFile(join(manifests, 'profile.yaml'), profile)
  let status = 0
  for (let i = 0; status !== 200 && i < 100; i++) {
    await sleep(50)
    status = (await serve.get('/acme/profile/trusted/directory')).status
  }
  assert.equal(status, 200)
  const memory = /VmRSS:\s+([0-9]+) kB/.exec(await readFile(`/proc/${serve.child.pid}/status`, 'utf8').catch(() => ''))
  if (memory !== null) assert.ok(Number(memory[1]) < 150_000, `${memory[1]} kB`)
  assert.equal((await serve.end('SIGINT')).code, 0)
})

test('a database that crashes is found again, and one that is away is told by /ready alone', async (t) => {
  const server = await startPostgres()
  const environment = { CERTCTL_DATABASE_URL: server.url('postgres') }
  const serve = await startServe(t, { manifests: samples, data: await temporaryFolder(t), environment })
  await serve.ready()
  await server.crash()
  await serve.ready()
  assert.equal((await serve.get('/acme/profile/trusted/directory')).status, 200)
  await server.stop()
  let ready = 200
  for (let i = 0; ready !== 503 && i < 100; i++) {
    await sleep(50)
    ready = (await serve.get('/ready')).status
  }
  assert.equal(ready, 503)
  assert.equal((await serve.get('/health')).status, 200)
  assert.equal((await serve.end()).code, 0)
})

test('two processes on one database without a shared key do not make two CAs', async (t) => {
  const environment = { CERTCTL_DATABASE_URL: await createEmptyDatabase() }
  const first = await startServe(t, { manifests: samples, data: await temporaryFolder(t), environment })
  await first.ready()
  const data = await temporaryFolder(t)
  const second = await runCertctl(['serve', '--manifests', samples, '--data', data], {
    ...environment,
    CERTCTL_LISTEN_ACME: '127.0.0.1:0',
    CERTCTL_LISTEN_PKI: 'off',
    CERTCTL_LISTEN_METRICS: 'off',
  })
  assert.equal(second.code, 1)
  assert.match(
    second.stderr,
    /certctl\.sample-ca\.key does not exist; processes that share a database share the CA keys/,
  )
})

test('two processes in one data folder are refused', async (t) => {
  const data = await temporaryFolder(t)
  const first = await startServe(t, { manifests: samples, data })
  await first.ready()
  const ports = { CERTCTL_LISTEN_ACME: '127.0.0.1:0', CERTCTL_LISTEN_PKI: 'off', CERTCTL_LISTEN_METRICS: 'off' }
  const second = await runCertctl(['serve', '--manifests', samples, '--data', data], ports)
  assert.equal(second.code, 1)
  assert.match(second.stderr, /process [0-9]+ works in .*; stop it, choose another --data/)
})

test('wrong settings end the start with all of them and exit code 1', async (t) => {
  const { code, stderr } = await runCertctl(['serve', '--manifests', samples, '--data', await temporaryFolder(t)], {
    CERTCTL_RATE_LIMIT_BACKEND: 'redis',
    CERTCTL_RATE_LIMIT_JANITOR_INTERVAL: '10s',
  })
  assert.equal(code, 1)
  assert.match(stderr, /2 settings are wrong:\n {2}CERTCTL_RATE_LIMIT_BACKEND="redis": write memory or postgres\n/)
  assert.doesNotMatch(stderr, /\n\s+at /, 'a stack helps nobody here')
})

test('a port that is taken ends the start and names the setting', async (t) => {
  const first = await startServe(t, { manifests: samples, data: await temporaryFolder(t) })
  await first.ready()
  const taken = `127.0.0.1:${first.ports.acme}`
  const data = await temporaryFolder(t)
  const { code, stderr } = await runCertctl(['serve', '--manifests', samples, '--data', data], {
    CERTCTL_LISTEN_ACME: taken,
  })
  assert.equal(code, 1)
  assert.match(stderr, /can't listen on 127\.0\.0\.1:[0-9]+ \(EADDRINUSE\); change CERTCTL_LISTEN_ACME/)
})

const misused: readonly [words: string[], output: RegExp][] = [
  [[], /certctl serve --manifests DIR/],
  [['serv'], /there is no command serv; did you mean serve\?/],
  [['serve', '--manifest', 'x'], /no option --manifest; did you mean --manifests\?/],
  [['serve', 'now'], /serve takes no now/],
  [['serve', '--manifests', samples], /--data DIR is missing/],
  [['check', '--manifests'], /manifests/],
]

for (const [words, output] of misused) {
  test(`"certctl ${words.join(' ').replace(samples, 'DIR')}" is answered with words and exit code 2`, async () => {
    const { code, stderr } = await runCertctl(words)
    assert.equal(code, 2)
    assert.match(stderr, output)
    assert.doesNotMatch(stderr, /\n\s+at /)
  })
}

test('help, version and settings answer with exit code 0', async () => {
  const answers: readonly [words: string[], output: RegExp][] = [
    [['--help'], /certctl serve --manifests DIR/],
    [['serve', '--help'], /CERTCTL_RATE_LIMIT_BACKEND \(memory\)/],
    [['version'], /^certctl [0-9]+\.[0-9]+\.[0-9]+\n$/],
    [['settings'], /CERTCTL_LISTEN_ACME/],
  ]
  for (const [words, output] of answers) {
    const { code, stdout } = await runCertctl(words)
    assert.equal(code, 0)
    assert.match(stdout, output)
  }
})

test('check names every mistake and fails, and passes the samples', async (t) => {
  const good = await runCertctl(['check', '--manifests', samples])
  assert.equal(good.code, 0, good.stdout)
  const folder = await temporaryFolder(t)
  await writeFile(
    join(folder, 'a.yaml'),
    'apiVersion: certctl.io/v1alpha1\nkind: Issuer\nmetadata: {name: a}\nspec: {type: X}\n',
  )
  const bad = await runCertctl(['check', '--manifests', folder])
  assert.equal(bad.code, 1)
  assert.match(bad.stdout, /a\.yaml:4:8: Issuer certctl\/a spec\.type is "X"; write SelfSigned or/)
})

test('an error that nothing handles is logged and ends the process, gracefully, with a code of its own', async (t) => {
  const onSignal = "process.on('SIGUSR2', () => void Promise.reject(new Error('nobody handles this')))"
  const serve = await withoutDatabase(t, {
    NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(onSignal)}"`,
  })
  while ((await serve.get('/health').catch(() => undefined)) === undefined) await sleep(25)
  const { code } = await serve.end('SIGUSR2')
  assert.equal(code, 70)
  assert.match(serve.output(), /"message":"nobody handles this".*this is a bug, and the process ends/)
})

test('a command line for a cluster that is none says what to do', async () => {
  const outside = await runCertctl(['serve'], { CERTCTL_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  assert.equal(outside.code, 1)
  assert.match(outside.stderr, /this is no pod of a cluster .*--manifests DIR --data DIR/)
  const half = await runCertctl(['serve', '--manifests', samples])
  assert.equal(half.code, 2)
  assert.match(half.stderr, /--data DIR is missing/)
  const both = await runCertctl(['serve', '--manifests', samples, '--data', '/tmp', '--kubeconfig', 'x'])
  assert.match(both.stderr, /--kubeconfig belongs to a cluster/)
  const missing = await runCertctl(['serve', '--kubeconfig', '/nowhere'])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /--kubeconfig \/nowhere can not be used/)
})
