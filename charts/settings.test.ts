import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../operator/config.ts'
import type { Config } from '../operator/config.ts'
import { settings } from '../operator/settings.ts'
import type { Setting } from '../operator/settings.ts'
import { find, render, template, valuesFiles } from './testing/helm.ts'
import type { ValuesFile } from './testing/helm.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const folder = temporaryFolder()
const file = join(folder, 'file')
writeFileSync(file, '')

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: object
}

function variablesOf(values: object | ValuesFile): readonly Variable[] {
  const objects = render(values)
  const deployment = objects.find(({ kind }) => kind === 'Deployment')
  return deployment === undefined ? [] : deployment['spec'].template.spec.containers[0].env
}

/** What the pod's environment would be: a reference becomes what the cluster might put there. */
function environmentOf(values: object | ValuesFile): Record<string, string> {
  const referred: Record<string, string> = {
    CERTCTL_NAMESPACE: 'certctl',
    CERTCTL_POD_NAME: 'certctl-5d4f8-x2x7k',
    CERTCTL_DATABASE_URL: 'postgres://app:secret@db-rw:5432/app',
  }
  return Object.fromEntries(
    variablesOf(values).map(({ name, value }) => {
      if (value === undefined) return [name, referred[name] ?? '']
      if (name.endsWith('_FILE')) return [name, file]
      return [name, name === 'CERTCTL_INITIAL_MANIFESTS' ? folder : value]
    }),
  )
}

function configOf(values: object | ValuesFile): Config {
  const { config, warnings } = readConfig(environmentOf(values))
  assert.deepEqual(warnings, [])
  return config
}

for (const values of valuesFiles) {
  test(`the program understands every variable that ${values.name} sets`, () => {
    const variables = variablesOf(values)
    if (variables.length === 0) return
    configOf(values)
    const names = variables.map(({ name }) => name)
    assert.deepEqual(names, [...new Set(names)])
  })
}

test("the chart's defaults are the program's, but for what a cluster needs otherwise", () => {
  const environment = environmentOf({})
  const different = new Set([
    'CERTCTL_RATE_LIMIT_BACKEND',
    'CERTCTL_SHUTDOWN_DRAIN',
    'CERTCTL_DATABASE_URL',
    'CERTCTL_EXTERNAL_URLS',
    'CERTCTL_METRICS_TLS',
    'CERTCTL_PKI_URL',
    'CERTCTL_NAMESPACE',
    'CERTCTL_POD_NAME',
  ])
  for (const { name, fallback } of Object.values(settings)) {
    if (different.has(name) || environment[name] === undefined) continue
    assert.equal(environment[name], fallback, name)
  }
})

test('every setting of the program can be set by a value', () => {
  const without = new Set(['CERTCTL_MANIFESTS_INTERVAL', 'CERTCTL_TEST_CHECKPOINT'])
  const set = new Set(valuesFiles.flatMap((values) => variablesOf(values).map(({ name }) => name)))
  const missing = Object.values(settings)
    .map(({ name }) => name)
    .filter((name) => !set.has(name) && !without.has(name))
  assert.deepEqual(missing, [])
})

test('with a certificate of a CA that everybody knows, the public URL comes first', () => {
  const issuerRef = { name: 'letsencrypt' }
  const { externalUrls } = configOf({
    tls: { mode: 'certManager', certManager: { issuerRef, publishCA: false } },
    server: { externalUrls: ['https://ca.example.com'], clusterIssuers: true },
  })
  assert.deepEqual(externalUrls, [
    'https://ca.example.com',
    'https://certctl.certctl.svc:8443',
    'https://certctl.certctl.svc.cluster.local:8443',
  ])
})

test('clients in the cluster come first among the URLs, then those of the Ingress', () => {
  const { externalUrls, pkiUrl } = configOf({
    ingress: { enabled: true, hosts: ['ca.example.com'] },
    server: { externalUrls: ['https://other.example.com:8443'], clusterDomain: 'k8s.example.com' },
  })
  assert.deepEqual(externalUrls, [
    'https://certctl.certctl.svc:8443',
    'https://ca.example.com',
    'https://other.example.com:8443',
    'https://certctl.certctl.svc.k8s.example.com:8443',
  ])
  assert.equal(pkiUrl, 'http://certctl.certctl.svc:8080')
})

test('standard ports are left out of URLs', () => {
  const { externalUrls, pkiUrl } = configOf({ server: { port: 443, pkiPort: 80 } })
  assert.equal(externalUrls[0], 'https://certctl.certctl.svc')
  assert.equal(pkiUrl, 'http://certctl.certctl.svc')
})

test('the own namespace is watched and told what to trust, whatever others are', () => {
  const { watchNamespaces, trustNamespaces } = configOf({
    server: { watchNamespaces: ['team-a'], trustNamespaces: ['web'] },
  })
  assert.deepEqual(watchNamespaces, ['certctl', 'team-a'])
  assert.deepEqual(trustNamespaces, ['certctl', 'web'])
})

test('a certificate that was brought is served from its files, with what to trust where it is known', () => {
  const variables = (values: object) =>
    variablesOf(values)
      .filter(({ name }) => name.startsWith('CERTCTL_TLS_') && name.endsWith('_FILE'))
      .map(({ name, value }) => `${name}=${value}`)
      .toSorted()
  const all = [
    'CERTCTL_TLS_CA_FILE=/etc/certctl/tls/ca.crt',
    'CERTCTL_TLS_CERT_FILE=/etc/certctl/tls/tls.crt',
    'CERTCTL_TLS_KEY_FILE=/etc/certctl/tls/tls.key',
  ]
  assert.deepEqual(variables({ tls: { mode: 'existingSecret', existingSecret: { name: 'mine' } } }), all)
  assert.deepEqual(
    variables({ tls: { mode: 'existingSecret', existingSecret: { name: 'mine', caKey: '' } } }),
    all.slice(1),
  )
  assert.deepEqual(variables({ tls: { mode: 'certManager', certManager: { issuerRef: { name: 'corporate' } } } }), all)
  assert.deepEqual(variables({}), [])
})

test("cert-manager's certificate has every name that clients use", () => {
  const tls = { mode: 'certManager', certManager: { issuerRef: { name: 'corporate' } } }
  const certificate = find(
    render({ tls, ingress: { enabled: true, hosts: ['ca.example.com'] } }),
    'Certificate',
    'certctl-tls',
  )
  assert.deepEqual(certificate['spec'].dnsNames, [
    'certctl.certctl.svc',
    'ca.example.com',
    'certctl.certctl.svc.cluster.local',
  ])
})

test("cert-manager's certificate has addresses as addresses", () => {
  const tls = { mode: 'certManager', certManager: { issuerRef: { name: 'corporate' } } }
  const externalUrls = ['https://10.0.0.1:8443', 'https://[fd00::1]:8443', 'https://10.0.0.1']
  const { dnsNames, ipAddresses } = find(render({ tls, server: { externalUrls } }), 'Certificate', 'certctl-tls')[
    'spec'
  ]
  assert.deepEqual(ipAddresses, ['10.0.0.1', 'fd00::1'])
  assert.deepEqual(dnsNames, ['certctl.certctl.svc', 'certctl.certctl.svc.cluster.local'])
})

const durations: readonly { value: readonly [string, string]; setting: Setting<number> }[] = [
  { value: ['acmeServer', 'nonceTTL'], setting: settings.nonceTtl },
  { value: ['acmeServer', 'orderTTL'], setting: settings.orderTtl },
  { value: ['acmeServer', 'authorizationTTL'], setting: settings.authorizationTtl },
  { value: ['acmeServer', 'gcInterval'], setting: settings.gcInterval },
  { value: ['acmeServer', 'leaseDuration'], setting: settings.leaseDuration },
  { value: ['server.rateLimiting', 'janitorInterval'], setting: settings.rateLimitJanitorInterval },
]

for (const {
  value: [parent, name],
  setting,
} of durations) {
  test(`the chart refuses ${parent}.${name} where the program would, and nowhere else`, () => {
    const [, least, most] = /from (\S+) to (\S+)$/.exec(setting.hint) ?? []
    assert.ok(least !== undefined && most !== undefined, setting.hint)
    for (const given of [least, most, `${most}1ms`, lessThan(least)]) {
      const values = `${parent}.${name}`
        .split('.')
        .reduceRight<object | string>((inner, key) => ({ [key]: inner }), given)
      assert.ok(typeof values === 'object')
      const { code, output } = template(values)
      assert.equal(code === 0, setting.parse(given).ok, `${given}: ${output.slice(0, 300)}`)
      if (code !== 0) assert.ok(output.includes(`${parent}.${name}: ${given} is out of bounds; set it from`), output)
    }
  })
}

/** A moment less than a duration of one number and unit. */
function lessThan(text: string): string {
  const [, number, unit] = /^([0-9]+)([a-z]+)$/.exec(text) ?? []
  return `${Number(number) - 0.001}${unit}`
}

test('a password never becomes part of a URL', () => {
  const values = { postgresql: { enabled: false }, externalDatabase: { host: 'pg.example.com', existingSecret: 'db' } }
  for (const given of [{}, values]) {
    const variables = variablesOf(given)
    assert.ok(variables.find(({ name }) => name === 'PGPASSWORD')?.valueFrom)
    assert.match(variables.find(({ name }) => name === 'CERTCTL_DATABASE_URL')?.value ?? '', /^postgres:\/\/certctl@/)
  }
})
