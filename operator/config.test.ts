import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readConfig, SettingsError } from './config.ts'
import { settings, settingsHelp, settingsMarkdown } from './settings.ts'

function problemsOf(environment: Record<string, string>): Record<string, string> {
  try {
    readConfig(environment)
  } catch (error) {
    assert.ok(error instanceof SettingsError)
    return Object.fromEntries(error.problems.map(({ name, remedy }) => [name, remedy]))
  }
  return {}
}

test('an empty environment is a whole configuration', () => {
  const { config, warnings } = readConfig({})
  assert.deepEqual(warnings, [])
  assert.deepEqual(config.externalUrls, ['https://localhost:8443'])
  assert.equal(config.pkiUrl, 'http://localhost:8080')
  assert.equal(config.rateLimitBackend, 'memory')
  assert.equal(config.rateLimitJanitorInterval, 300)
  assert.equal(config.leaseDuration, 30)
  assert.deepEqual(config.dnsResolvers, [])
  assert.equal(config.databaseUrl, undefined)
  assert.ok(Object.isFrozen(config))
})

test('URLs follow the listeners until they are given', () => {
  const { config } = readConfig({ CERTCTL_LISTEN_ACME: '127.0.0.1:9443', CERTCTL_LISTEN_PKI: 'off' })
  assert.deepEqual(config.externalUrls, ['https://localhost:9443'])
  const given = readConfig({ CERTCTL_EXTERNAL_URLS: 'https://acme.example.com/, https://certctl.certctl.svc:8443' })
  assert.deepEqual(given.config.externalUrls, ['https://acme.example.com', 'https://certctl.certctl.svc:8443'])
})

test('an empty value counts as unset', () => {
  const { config } = readConfig({ CERTCTL_RATE_LIMIT_BACKEND: '', CERTCTL_DATABASE_URL: ' ' })
  assert.equal(config.rateLimitBackend, 'memory')
  assert.equal(config.databaseUrl, undefined)
})

test('a database may be named in every way that Postgres has', () => {
  for (const url of [
    'postgres://ca:p%40ss%2Fw@db:5432/ca?sslmode=verify-full&uselibpqcompat=true',
    'postgresql://ca@[fd00::1]/ca',
    'postgres:///ca?host=/var/run/postgresql',
    'postgres://ca@%2Fvar%2Frun%2Fpostgresql/ca',
    'postgres://db/ca',
  ]) {
    assert.equal(readConfig({ CERTCTL_DATABASE_URL: url }).config.databaseUrl, url)
  }
})

const refused: readonly [name: string, value: string, remedy: RegExp][] = [
  ['CERTCTL_RATE_LIMIT_BACKEND', 'redis', /memory or postgres/],
  ['CERTCTL_RATE_LIMIT_JANITOR_INTERVAL', '30s', /from 1m to 24h/],
  ['CERTCTL_RATE_LIMIT_JANITOR_INTERVAL', '5 minutes', /such as 90s, 5m or 24h/],
  ['CERTCTL_LISTEN_ACME', '8443', /:8443/],
  ['CERTCTL_LISTEN_ACME', ':99999', /:8443/],
  ['CERTCTL_LISTEN_ACME', 'off', /:8443/],
  ['CERTCTL_LISTEN_METRICS', '[nonsense]:1', /off/],
  ['CERTCTL_EXTERNAL_URLS', 'http://plain.example.com', /https:\/\/ca\.example\.com/],
  ['CERTCTL_EXTERNAL_URLS', 'https://a.example.com,,https://b.example.com', /empty item/],
  ['CERTCTL_EXTERNAL_URLS', 'https://a.example.com/acme', /only scheme, host and port/],
  ['CERTCTL_PKI_URL', 'ftp://x', /http:\/\/ca\.example\.com/],
  ['CERTCTL_TRUSTED_PROXIES', '10.0.0.0/33', /network such as/],
  ['CERTCTL_TLS_MIN_VERSION', '1.1', /1\.2 or 1\.3/],
  ['CERTCTL_DATABASE_URL', 'mysql://root@db', /postgres:\/\//],
  ['CERTCTL_DATABASE_URL', 'postgres://ca:hunt/er@db:5432/ca', /write % .* in the password as %25 %2F .* PGPASSWORD/],
  ['CERTCTL_DATABASE_URL', 'postgres://ca:hunt#er@db:5432/ca', /%23/],
  ['CERTCTL_DATABASE_URL', 'postgres://ca:12/34@db:5432/ca', /%2F/],
  ['CERTCTL_DATABASE_URL', 'postgres://ca:100%@db:5432/ca', /%25/],
  ['CERTCTL_DATABASE_POOL_SIZE', '0', /from 1 to 500/],
  ['CERTCTL_NAMESPACE', 'Team_A', /small letters/],
  ['CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID', 'a.b.c', /CertificateProfile/],
  ['CERTCTL_ACME_SERVER_NONCE_TTL', '1d', /duration/],
  ['CERTCTL_ACME_SERVER_TOS_URL', 'terms', /https:\/\//],
  ['CERTCTL_ACME_SERVER_CAA_IDENTITIES', 'ca.example.com,_bad_', /domain name/],
  ['CERTCTL_ACME_SERVER_HTTP01_CONCURRENCY', 'ten', /from 1 to 1000/],
  ['CERTCTL_ACME_SERVER_DNS01_RESOLVER', 'dns.example.com', /10\.0\.0\.10:53/],
  ['CERTCTL_ACME_VALIDATION_HTTP_PORT', '0', /from 1 to 65535/],
  ['CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR', '-1', /whole number/],
  ['CERTCTL_LOG_LEVEL', 'loud', /debug or info/],
  ['CERTCTL_TEST_CHECKPOINT', 'anywhere', /finalize\.signed/],
]

for (const [name, value, remedy] of refused) {
  test(`${name}=${value} is refused with what to write instead`, () => {
    assert.match(problemsOf({ [name]: value })[name] ?? 'accepted', remedy)
  })
}

test('every problem is reported at once, with the value given', () => {
  const environment = Object.fromEntries(refused.map(([name, value]) => [name, value]))
  const names = Object.keys(problemsOf(environment))
  assert.deepEqual(names.toSorted(), Object.keys(environment).toSorted())
  assert.throws(() => readConfig(environment), /CERTCTL_RATE_LIMIT_BACKEND="redis": write memory or postgres/)
})

test('a database URL is never printed, since it holds a password', () => {
  assert.throws(
    () => readConfig({ CERTCTL_DATABASE_URL: 'mysql://root:hunter2@db' }),
    (error: unknown) => error instanceof SettingsError && !error.message.includes('hunter2'),
  )
})

test('a certificate without its key is refused', () => {
  const problems = problemsOf({ CERTCTL_TLS_CERT_FILE: import.meta.filename })
  assert.match(problems['CERTCTL_TLS_KEY_FILE'] ?? '', /CERTCTL_TLS_CERT_FILE is set/)
})

test('a name that is no setting is a warning with the nearest one', () => {
  const { warnings } = readConfig({ CERTCTL_RATE_LIMIT_BACKENDS: 'memory', CERTCTL_QQQ: '1', HOME: '/' })
  assert.equal(warnings.length, 2)
  assert.match(warnings[0] ?? '', /did you mean CERTCTL_RATE_LIMIT_BACKEND\?/)
  assert.doesNotMatch(warnings[1] ?? '', /did you mean/)
})

test('every fallback is a value that its own setting accepts', () => {
  for (const setting of Object.values(settings)) assert.ok(setting.parse(setting.fallback).ok, setting.name)
})

test('docs/settings.md and --help tell every setting', () => {
  const page = readFileSync(new URL('../docs/settings.md', import.meta.url), 'utf8')
  assert.equal(page, settingsMarkdown(), 'run: npm run -s certctl -- settings --markdown > docs/settings.md')
  for (const { name } of Object.values(settings)) assert.ok(settingsHelp().includes(name), name)
})
