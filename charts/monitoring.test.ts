import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMetrics } from '../operator/metrics.ts'
import { find, render, repositoryFolder } from './testing/helm.ts'
import type { Loose } from './testing/helm.ts'

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const everything = {
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  dashboard: { enabled: true },
}
const objects = render({ monitoring: everything })
const alerts: readonly Alert[] = find(objects, 'PrometheusRule', 'certctl')['spec'].groups[0].rules
const dashboard = JSON.parse(find(objects, 'ConfigMap', 'certctl-dashboard')['data']['certctl.json'])
const queries: readonly string[] = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
  targets.map(({ expr }) => expr),
)

/** Names that the program exposes, with those that a histogram has for itself. */
async function exposedNames(): Promise<ReadonlySet<string>> {
  const metrics = createMetrics()
  const { body } = await metrics.expose()
  metrics.close()
  const types = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  const suffixes: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_count', '_sum'] }
  return new Set(types.flatMap(([, name = '', type = '']) => (suffixes[type] ?? ['']).map((suffix) => name + suffix)))
}

const exposed = await exposedNames()
const metricNames = (expr: string): readonly string[] =>
  [...expr.matchAll(/\b(up|(?:certctl|process|nodejs)_[a-z_]+)(?=\{)/g)].map((match) => match[1] ?? '')

test('alerts and dashboard ask for metrics that the program has', () => {
  for (const expr of [...alerts.map(({ expr }) => expr), ...queries]) {
    const names = metricNames(expr)
    assert.ok(names.length > 0, expr)
    for (const name of names) assert.ok(name === 'up' || exposed.has(name), `${name} in ${expr}`)
  }
})

test('every metric of ours is on the dashboard', () => {
  const shown = new Set(queries.flatMap(metricNames))
  const ours = [...exposed].filter((name) => name.startsWith('certctl_') && !/_(sum|count)$/.test(name))
  assert.deepEqual(
    ours.filter((name) => !shown.has(name)),
    [],
  )
})

test('every alert is about this release alone', () => {
  for (const { alert, expr } of alerts) {
    const selectors = [...expr.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] ?? '')
    assert.ok(selectors.length > 0, alert)
    for (const selector of selectors) assert.match(selector, /job="certctl\/certctl"/, alert)
  }
})

test('the ServiceMonitor scrapes the metrics port and gives its samples the job that alerts ask for', () => {
  const [endpoint] = find(objects, 'ServiceMonitor', 'certctl')['spec'].endpoints
  assert.deepEqual(endpoint.relabelings, [{ targetLabel: 'job', replacement: 'certctl/certctl' }])
  assert.equal(endpoint.honorLabels, true)
  const service = find(objects, 'Service', 'certctl-metrics')
  const selector = find(objects, 'ServiceMonitor', 'certctl')['spec'].selector.matchLabels
  for (const [name, value] of Object.entries(selector)) assert.equal(service.metadata.labels[name], value)
  assert.ok(service['spec'].ports.some(({ name }: { name: string }) => name === endpoint.port))
})

const scrapeOf = (values: object): Loose =>
  find(render(values), 'ServiceMonitor', 'certctl')['spec'].endpoints.map(({ scheme, tlsConfig }: Loose) => ({
    scheme,
    tlsConfig,
  }))
const monitored = { serviceMonitor: { enabled: true } }
const serverName = 'certctl.certctl.svc'
const scrapes: readonly [title: string, values: object, scrape: object][] = [
  [
    'a certificate of its own',
    {},
    { scheme: 'https', tlsConfig: { ca: { configMap: { name: 'certctl-trust', key: 'ca.crt' } }, serverName } },
  ],
  [
    'a certificate that is brought',
    { tls: { mode: 'existingSecret', existingSecret: { name: 'mine', caKey: 'root.pem' } } },
    { scheme: 'https', tlsConfig: { ca: { secret: { name: 'mine', key: 'root.pem' } }, serverName } },
  ],
  [
    'a certificate of a public CA',
    {
      tls: { mode: 'existingSecret', existingSecret: { name: 'mine', caKey: '' } },
      monitoring: { serviceMonitor: { enabled: true, serverName: 'ca.example.com' } },
    },
    { scheme: 'https', tlsConfig: { serverName: 'ca.example.com' } },
  ],
  [
    "cert-manager's certificate",
    { tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca' } } } },
    { scheme: 'https', tlsConfig: { ca: { secret: { name: 'certctl-tls', key: 'ca.crt' } }, serverName } },
  ],
  [
    "cert-manager's certificate of a CA that is trusted already",
    {
      tls: { mode: 'certManager', certManager: { issuerRef: { name: 'ca' }, publishCA: false } },
      server: { externalUrls: ['https://ca.example.com:8443'] },
    },
    { scheme: 'https', tlsConfig: { serverName: 'ca.example.com' } },
  ],
  ['no TLS', { monitoring: { ...monitored, tls: false } }, { scheme: 'http', tlsConfig: undefined }],
]

for (const [title, values, scrape] of scrapes) {
  test(`with ${title} the ServiceMonitor says how to scrape, and the Service what it serves`, () => {
    const all = { monitoring: monitored, ...values }
    assert.deepEqual(scrapeOf(all), [scrape])
    const [port] = find(render(all), 'Service', 'certctl-metrics')['spec'].ports
    assert.equal(`${port.appProtocol}`, 'tlsConfig' in scrape && scrape.tlsConfig !== undefined ? 'https' : 'http')
  })
}

test('the name that Prometheus expects is one that the listener has a certificate for', () => {
  const values = { server: { port: 443 }, fullnameOverride: 'ca', monitoring: monitored }
  const objects = render(values, { namespace: 'pki' })
  const [endpoint] = find(objects, 'ServiceMonitor', 'ca')['spec'].endpoints
  const environment: readonly { name: string; value?: string }[] = find(objects, 'Deployment', 'ca')['spec'].template
    .spec.containers[0].env
  const urls = environment.find(({ name }) => name === 'CERTCTL_EXTERNAL_URLS')?.value ?? ''
  assert.ok(urls.split(',').some((url) => new URL(url).hostname === endpoint.tlsConfig.serverName))
  assert.equal(environment.find(({ name }) => name === 'CERTCTL_METRICS_TLS')?.value, 'on')
})

test('every alert has a severity, words and a runbook, and every runbook an alert', () => {
  const folder = join(repositoryFolder, 'docs', 'runbooks')
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels['severity'] ?? '', /^(critical|warning)$/, alert)
    assert.ok(annotations['summary'] && annotations['description'], alert)
    assert.equal(annotations['runbook_url'], `https://github.com/certctl/certctl/blob/main/docs/runbooks/${alert}.md`)
    const runbook = join(folder, `${alert}.md`)
    assert.ok(existsSync(runbook), `docs/runbooks/${alert}.md is missing`)
    const text = readFileSync(runbook, 'utf8')
    for (const heading of [`# ${alert}`, '## Meaning', '## Impact', '## Diagnosis', '## Remedy']) {
      assert.ok(text.split('\n').includes(heading), `docs/runbooks/${alert}.md has no "${heading}"`)
    }
  }
  const names = alerts.map(({ alert }) => `${alert}.md`)
  assert.deepEqual(readdirSync(folder).toSorted(), names.toSorted())
})

test('alerts can be left out, and carry labels of the installation', () => {
  const prometheusRule = {
    enabled: true,
    disabledAlerts: ['CertctlDown'],
    alertLabels: { team: 'pki', severity: 'low' },
  }
  const rule = find(render({ monitoring: { prometheusRule } }), 'PrometheusRule', 'certctl')
  const rules: readonly Alert[] = rule['spec'].groups[0].rules
  assert.equal(rules.length, alerts.length - 1)
  for (const { alert, labels } of rules) {
    assert.notEqual(alert, 'CertctlDown')
    assert.equal(labels['team'], 'pki')
    assert.match(labels['severity'] ?? '', /^(critical|warning)$/)
  }
})

test('panels of the dashboard are within its columns and do not overlap', () => {
  const taken = new Set<string>()
  for (const { gridPos, title } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x},${y}`), title)
        taken.add(`${x},${y}`)
      }
    }
  }
})
