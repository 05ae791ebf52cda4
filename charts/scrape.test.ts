import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { giveWork } from '../operator/testing/acme-work.ts'
import { startServe } from '../operator/testing/process.ts'
import { servingTls } from '../operator/testing/serving-tls.ts'
import { temporaryFolder } from '../operator/testing/standalone.ts'
import { find, render, repositoryFolder } from './testing/helm.ts'
import type { Loose } from './testing/helm.ts'
import { findProgram } from './testing/prometheus.ts'
import { startPrometheus, until } from './testing/prometheus-server.ts'
import type { PrometheusServer } from './testing/prometheus-server.ts'
import { scrapeConfig } from './testing/scrape-config.ts'

const program = findProgram('prometheus')
const skip = program === undefined ? 'Prometheus is not there (make chart-tools)' : false

const objects = render({
  monitoring: {
    serviceMonitor: { enabled: true, interval: '2s', scrapeTimeout: '2s' },
    prometheusRule: { enabled: true },
    dashboard: { enabled: true },
  },
})
const rules = find(objects, 'PrometheusRule', 'certctl')['spec']
const [endpoint] = find(objects, 'ServiceMonitor', 'certctl')['spec'].endpoints
const dashboard = JSON.parse(find(objects, 'ConfigMap', 'certctl-dashboard')['data']['certctl.json'])
const job = 'certctl/certctl'

/** The dashboard's queries, as Grafana sends them. */
const queries: readonly string[] = dashboard.panels
  .flatMap(({ targets }: Loose) => targets.map(({ expr }: Loose) => expr))
  .map((expr: string) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', job))

/** What only a replica in a cluster has to tell, and most of it only the one that leads. */
const onlyInClusters = [
  'certctl_drift_repaired_total',
  'certctl_issuer_ca_not_after_timestamp_seconds',
  'certctl_issuer_ready',
  'certctl_profile_ready',
  'certctl_queue_depth',
  'certctl_reconcile_seconds_bucket',
  'certctl_status_writes_total',
  'certctl_watch_last_event_age_seconds',
  'certctl_watch_restarts_total',
]

const metricsOf = (expr: string): readonly string[] =>
  [...expr.matchAll(/\b(up|(?:certctl|process|nodejs)_[a-z_]+)(?=\{)/g)].map((match) => match[1] ?? '')

test('a real Prometheus scrapes a server as the chart says', { skip, timeout: 240_000 }, async (t) => {
  const data = await temporaryFolder(t)
  const serve = await startServe(t, {
    manifests: join(repositoryFolder, 'crds', 'samples'),
    data,
    environment: {
      ...environmentOfPods(['CERTCTL_EXTERNAL_URLS', 'CERTCTL_METRICS_TLS', 'CERTCTL_TLS_MIN_VERSION']),
      // Nobody listens there: a validation fails at once, whatever the machine's DNS knows.
      CERTCTL_ACME_SERVER_DNS01_RESOLVER: '127.0.0.1:1',
    },
  })
  await serve.ready()
  const rootFile = join(data, 'tls', 'ca.crt')
  const [externalUrl = ''] = (environmentOfPods(['CERTCTL_EXTERNAL_URLS'])['CERTCTL_EXTERNAL_URLS'] ?? '').split(',')
  await giveWork(serve, { externalUrl, rootPem: await readFile(rootFile, 'utf8') })

  const strangerFile = join(await temporaryFolder(t), 'ca.crt')
  await writeFile(strangerFile, (await servingTls(t)).ca)
  const address = `127.0.0.1:${serve.ports.metrics}`
  const trusting = (
    caFile: string,
    name: string,
  ): { job: string; address: string; fileOf: (from: Loose) => string } => ({
    job: name,
    address,
    fileOf(reference) {
      assert.deepEqual(reference, { configMap: { name: 'certctl-trust', key: 'ca.crt' } })
      return caFile
    },
  })
  const { tlsConfig, ...rest } = endpoint
  const wrong = { ...rest, relabelings: [] }
  const prometheus = await startPrometheus(t, {
    program: program ?? '',
    rules,
    config: {
      global: { evaluation_interval: '1s' },
      scrape_configs: [
        scrapeConfig(endpoint, trusting(rootFile, 'as-rendered')),
        scrapeConfig({ ...wrong, tlsConfig }, trusting(strangerFile, 'wrong-ca')),
        scrapeConfig(
          { ...wrong, tlsConfig: { ...tlsConfig, serverName: 'other.certctl.svc' } },
          trusting(rootFile, 'wrong-name'),
        ),
        scrapeConfig({ ...wrong, scheme: 'http' }, trusting(rootFile, 'without-tls')),
      ],
    },
  })
  await until('every target has been scraped', async () => {
    const all = await targets(prometheus)
    return all.length === 4 && all.every(({ health }) => health !== 'unknown')
  })

  await t.test('the target is up, as a target of this release', async () => {
    const target = await targetOf(prometheus, 'as-rendered')
    assert.deepEqual([target.health, target.lastError], ['up', ''])
    assert.equal(target.labels.job, job)
    assert.equal(new URL(target.scrapeUrl).protocol, 'https:')
  })

  await t.test('another CA, another name and plain HTTP are down', async () => {
    const errors = {
      'wrong-ca': /x509|tls:/,
      'wrong-name': /x509: certificate is (not )?valid for/,
      'without-tls': /./,
    }
    for (const [name, error] of Object.entries(errors)) {
      const target = await targetOf(prometheus, name)
      assert.equal(target.health, 'down', name)
      assert.match(target.lastError, error, name)
    }
  })

  await t.test('samples keep labels of their own that the target has too', async () => {
    const endpoints = await prometheus.ask('label/endpoint/values', { 'match[]': 'certctl_acme_requests_total' })
    assert.ok(endpoints.includes('directory'), JSON.stringify(endpoints))
    assert.ok(!endpoints.includes(endpoint.port), JSON.stringify(endpoints))
  })

  await t.test('every metric that alerts and dashboard ask for is there, or is one of clusters', async () => {
    const scraped = new Set<string>(await prometheus.ask('label/__name__/values', { 'match[]': `{job="${job}"}` }))
    const described = Object.keys(await prometheus.ask('metadata'))
    const asked = [...rules.groups[0].rules.map(({ expr }: Loose) => expr), ...queries].flatMap(metricsOf)
    assert.ok(asked.length > 50, 'names are found in expressions')
    const missing = [...new Set(asked)].filter((name) => !scraped.has(name)).toSorted()
    assert.deepEqual(missing, onlyInClusters)
    for (const name of onlyInClusters) assert.ok(described.includes(name.replace(/_bucket$/, '')), name)
  })

  await t.test('every query of the dashboard is answered', async () => {
    const releases = await prometheus.ask('label/job/values', { 'match[]': 'certctl_leader' })
    assert.deepEqual(releases, [job])
    for (const query of queries) {
      const { result } = await prometheus.ask('query', { query })
      const isThere = !metricsOf(query).some((name) => onlyInClusters.includes(name))
      // A rate needs two scrapes; what is a plain number is there after the first.
      if (isThere && !/\b(rate|increase)\(/.test(query)) assert.ok(result.length > 0, query)
    }
  })

  await t.test('every alert is evaluated, and none of a server that is well fires', async () => {
    const evaluated = async (): Promise<readonly Loose[]> =>
      (await prometheus.ask('rules')).groups.flatMap((group: Loose) => group.rules)
    await until('every alert has been evaluated', async () =>
      (await evaluated()).every(({ health }) => health !== 'unknown'),
    )
    const all = await evaluated()
    assert.equal(all.length, rules.groups[0].rules.length)
    for (const { name, health, lastError } of all) assert.equal(health, 'ok', `${name}: ${lastError}`)
    assert.deepEqual(
      all.filter(({ state }) => state === 'firing').map(({ name }) => name),
      [],
    )
  })
  assert.equal((await serve.end()).code, 0)
})

/** What the rendered pods have set. */
function environmentOfPods(names: readonly string[]): Record<string, string> {
  const { env } = find(objects, 'Deployment', 'certctl')['spec'].template.spec.containers[0]
  return Object.fromEntries(
    names.map((name) => {
      const value = env.find((variable: Loose) => variable.name === name)?.value
      assert.equal(typeof value, 'string', `the chart sets no ${name}`)
      return [name, value]
    }),
  )
}

async function targets(prometheus: PrometheusServer): Promise<readonly Loose[]> {
  return (await prometheus.ask('targets', { state: 'active' })).activeTargets
}

async function targetOf(prometheus: PrometheusServer, name: string): Promise<Loose> {
  const found = (await targets(prometheus)).find(({ scrapePool }) => scrapePool === name)
  assert.ok(found !== undefined, name)
  return found
}
