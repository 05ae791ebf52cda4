import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { find, render } from './testing/helm.ts'
import { findProgram } from './testing/prometheus.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const promtool = findProgram('promtool')
const skip = promtool === undefined ? 'promtool is not there (make chart-tools)' : false

const rule = find(render({ monitoring: { prometheusRule: { enabled: true } } }), 'PrometheusRule', 'certctl')['spec']
const alerts: readonly string[] = rule.groups[0].rules.map(({ alert }: { alert: string }) => alert)

const folder = temporaryFolder()
writeFileSync(join(folder, 'rules.yaml'), stringify(rule))

/** Samples each minute, in promtool's notation, of one replica of the release unless `labels` say otherwise. */
interface Series {
  readonly metric: string
  readonly labels?: Readonly<Record<string, string>>
  readonly values: string
}

/** What makes an alert fire, and when it has. */
interface Fault {
  readonly alert: string
  readonly series: readonly Series[]
  /** Minutes from the beginning. */
  readonly minute: number
  readonly severity?: string
}

const year = 365 * 86_400
const always = (value: number): string => `${value}x400`
const growing = (step: number): string => `0+${step}x400`
const steady = (metric: string, value: number, labels: Series['labels'] = {}): Series => ({
  metric,
  labels,
  values: always(value),
})

/** A release as it should be, with work to do. */
const healthy: readonly Series[] = [
  steady('up', 1),
  steady('up', 1, { instance: 'b' }),
  steady('certctl_ready', 1),
  { metric: 'certctl_ready', labels: { instance: 'b' }, values: '0x3 1x400' },
  steady('certctl_leader', 1),
  steady('certctl_leader', 0, { instance: 'b' }),
  { metric: 'certctl_acme_requests_total', labels: { status: '200' }, values: growing(600) },
  { metric: 'certctl_acme_requests_total', labels: { status: '503' }, values: growing(6) },
  { metric: 'certctl_acme_problems_total', labels: { type: 'badNonce' }, values: growing(60) },
  { metric: 'certctl_acme_validations_total', labels: { type: 'http-01', result: 'valid' }, values: growing(60) },
  { metric: 'certctl_acme_validations_total', labels: { type: 'http-01', result: 'invalid' }, values: growing(10) },
  { metric: 'certctl_acme_validations_total', labels: { type: 'http-01', result: 'retry' }, values: growing(600) },
  { metric: 'certctl_reconcile_total', labels: { kind: 'Issuer', result: 'ok' }, values: growing(1) },
  steady('certctl_reconcile_total', 3, { kind: 'Issuer', result: 'failed' }),
  steady('certctl_db_pool_connections', 0, { state: 'waiting' }),
  steady('certctl_db_pool_connections', 10, { state: 'busy' }),
  steady('certctl_issuer_ready', 1, { namespace: 'pki', name: 'ca' }),
  steady('certctl_profile_ready', 1, { namespace: 'pki', name: 'web' }),
  steady('certctl_issuer_ca_not_after_timestamp_seconds', year, { namespace: 'pki', name: 'ca' }),
  steady('certctl_watch_last_event_age_seconds', 50, { kind: 'Issuer' }),
  steady('certctl_fenced_writes_total', 2),
  steady('certctl_drift_repaired_total', 1, { kind: 'Issuer' }),
  { metric: 'process_start_time_seconds', values: '1000x60 5000x60 9000x400' },
  steady('certctl_event_loop_lag_seconds', 0.01, { quantile: '0.99' }),
  steady('certctl_event_loop_lag_seconds', 2, { quantile: '1' }),
  ...histogram('certctl_ca_signing_seconds', ['0.01', '0.25', '1'], 0),
  ...histogram('certctl_acme_order_to_valid_seconds', ['60', '300', '1800'], 0),
]

const faults: readonly Fault[] = [
  {
    alert: 'CertctlDown',
    series: [steady('up', 0), steady('up', 0, { instance: 'b' })],
    minute: 3,
    severity: 'critical',
  },
  { alert: 'CertctlDown', series: [], minute: 3, severity: 'critical' },
  { alert: 'CertctlReplicaDown', series: [steady('up', 1), steady('up', 0, { instance: 'b' })], minute: 11 },
  {
    alert: 'CertctlNotReady',
    series: [steady('certctl_ready', 1), steady('certctl_ready', 0, { instance: 'b' })],
    minute: 6,
  },
  {
    alert: 'CertctlNoneReady',
    series: [steady('certctl_ready', 0), steady('certctl_ready', 0, { instance: 'b' })],
    minute: 3,
    severity: 'critical',
  },
  {
    alert: 'CertctlNoLeader',
    series: [steady('certctl_leader', 0), steady('certctl_leader', 0, { instance: 'b' })],
    minute: 3,
  },
  {
    alert: 'CertctlSeveralLeaders',
    series: [steady('certctl_leader', 1), steady('certctl_leader', 1, { instance: 'b' })],
    minute: 3,
  },
  {
    alert: 'CertctlServerErrors',
    series: [
      { metric: 'certctl_acme_requests_total', labels: { status: '201' }, values: growing(90) },
      { metric: 'certctl_acme_requests_total', labels: { status: '503' }, values: growing(10) },
    ],
    minute: 12,
    severity: 'critical',
  },
  {
    alert: 'CertctlDatabasePoolExhausted',
    series: [steady('certctl_db_pool_connections', 3, { state: 'waiting' })],
    minute: 11,
  },
  {
    alert: 'CertctlReconcileErrors',
    series: [{ metric: 'certctl_reconcile_total', labels: { kind: 'Issuer', result: 'failed' }, values: growing(1) }],
    minute: 20,
  },
  {
    alert: 'CertctlIssuerNotReady',
    series: [steady('certctl_issuer_ready', 0, { namespace: 'pki', name: 'ca' })],
    minute: 16,
    severity: 'critical',
  },
  {
    alert: 'CertctlProfileNotReady',
    series: [steady('certctl_profile_ready', 0, { namespace: 'pki', name: 'web' })],
    minute: 16,
  },
  {
    alert: 'CertctlCAExpiresSoon',
    series: [steady('certctl_issuer_ca_not_after_timestamp_seconds', 20 * 86_400, { namespace: 'pki', name: 'ca' })],
    minute: 61,
  },
  {
    alert: 'CertctlCAExpiresNow',
    series: [steady('certctl_issuer_ca_not_after_timestamp_seconds', 86_400, { namespace: 'pki', name: 'ca' })],
    minute: 6,
    severity: 'critical',
  },
  {
    alert: 'CertctlWatchSilent',
    series: [steady('certctl_watch_last_event_age_seconds', 400, { kind: 'Issuer' })],
    minute: 6,
  },
  {
    alert: 'CertctlSigningSlow',
    series: histogram('certctl_ca_signing_seconds', ['0.01', '0.25', '1'], 2),
    minute: 20,
  },
  {
    alert: 'CertctlOrdersSlow',
    series: histogram('certctl_acme_order_to_valid_seconds', ['60', '300', '1800'], 2),
    minute: 40,
  },
  {
    alert: 'CertctlValidationsFail',
    series: [
      { metric: 'certctl_acme_validations_total', labels: { type: 'dns-01', result: 'valid' }, values: growing(1) },
      { metric: 'certctl_acme_validations_total', labels: { type: 'dns-01', result: 'invalid' }, values: growing(9) },
    ],
    minute: 50,
  },
  {
    alert: 'CertctlRateLimited',
    series: [{ metric: 'certctl_acme_problems_total', labels: { type: 'rateLimited' }, values: growing(60) }],
    minute: 22,
  },
  {
    alert: 'CertctlFencedWrites',
    series: [{ metric: 'certctl_fenced_writes_total', values: '0x5 1x400' }],
    minute: 10,
  },
  {
    alert: 'CertctlDriftRepaired',
    series: [{ metric: 'certctl_drift_repaired_total', labels: { kind: 'Issuer' }, values: '_x5 1x400' }],
    minute: 10,
  },
  {
    alert: 'CertctlDriftRepaired',
    series: [{ metric: 'certctl_drift_repaired_total', labels: { kind: 'Issuer' }, values: '1x100 2x300' }],
    minute: 120,
  },
  {
    alert: 'CertctlRestarting',
    series: [{ metric: 'process_start_time_seconds', values: '1000x5 1300x4 _x5 1900x4 2200x400' }],
    minute: 25,
  },
  {
    alert: 'CertctlEventLoopSlow',
    series: [steady('certctl_event_loop_lag_seconds', 1, { quantile: '0.99' })],
    minute: 11,
  },
]

test('promtool accepts the rules', { skip }, () => {
  const { status, stdout, stderr } = run(['check', 'rules', join(folder, 'rules.yaml')])
  assert.equal(status, 0, `${stdout}${stderr}`)
})

test('nothing fires in a healthy release', { skip }, () => {
  // What was put right before the counters began is an hour old only after an hour.
  const young = healthy.filter(({ metric }) => metric !== 'certctl_drift_repaired_total')
  for (const minute of [3, 30]) assert.deepEqual(firing(young, minute), [], `after ${minute} minutes`)
  for (const minute of [90, 300]) assert.deepEqual(firing(healthy, minute), [], `after ${minute} minutes`)
})

test('nothing fires for the troubles of another release', { skip }, () => {
  const others = faults.flatMap(({ series }) => series)
  const elsewhere = [...new Map(others.map((one) => [seriesName(one), one])).values()].map((one) => ({
    ...one,
    labels: { ...one.labels, job: 'other/certctl' },
  }))
  assert.deepEqual(firing([...healthy, ...elsewhere], 120), [])
})

for (const [index, { alert, series, minute, severity = 'warning' }] of faults.entries()) {
  test(`${alert} fires where it should (${index + 1})`, { skip }, () => {
    const fired = firing(series, minute).filter((line) => line.startsWith(`${alert} `))
    assert.equal(fired.length, 1, `${JSON.stringify(firing(series, minute))} fired`)
    assert.match(fired[0] ?? '', new RegExp(`severity="${severity}"`))
  })
}

test('every alert is seen firing', () => {
  const seen = new Set(faults.map(({ alert }) => alert))
  assert.deepEqual(
    alerts.filter((alert) => !seen.has(alert)),
    [],
  )
})

/** Observations that fall under the bucket of this index, sixty a minute. */
function histogram(metric: string, bounds: readonly string[], index: number): Series[] {
  return [...bounds, '+Inf'].map((le, bucket) => ({
    metric: `${metric}_bucket`,
    labels: { le },
    values: bucket < index ? always(0) : growing(60),
  }))
}

function seriesName({ metric, labels = {} }: Series): string {
  const all = { job: 'certctl/certctl', instance: 'a', ...labels }
  const text = Object.entries(all).map(([name, value]) => `${name}="${value}"`)
  return `${metric}{${text.join(', ')}}`
}

/** The alerts that fire at this minute, with their labels. */
function firing(series: readonly Series[], minute: number): readonly string[] {
  const time = `${minute}m`
  const expression = 'ALERTS{alertstate="firing"}'
  const file = join(folder, 'test.yaml')
  // An expectation that is never met makes promtool tell what there is.
  const impossible = { labels: 'ALERTS{alertname="Impossible"}', value: 1 }
  const tests = [
    {
      interval: '1m',
      input_series: series.map((one) => ({ series: seriesName(one), values: one.values })),
      promql_expr_test: [{ expr: expression, eval_time: time, exp_samples: [impossible] }],
    },
  ]
  writeFileSync(file, stringify({ rule_files: [join(folder, 'rules.yaml')], evaluation_interval: '1m', tests }))
  const { stdout, stderr } = run(['test', 'rules', file])
  const told = /\bgot:(?<samples>[\s\S]*)$/.exec(`${stdout}${stderr}`)?.groups?.['samples']
  assert.ok(told !== undefined, `${stdout}${stderr}`)
  const fired = [...told.matchAll(/\{__name__="ALERTS", alertname="(?<name>\w+)", (?<labels>.*?)\}/g)]
  assert.ok(fired.length > 0 || told.trim() === 'nil', told)
  return fired.map(({ groups }) => `${groups?.['name']} ${groups?.['labels']}`)
}

function run(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(promtool ?? 'promtool', [...args], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } })
}
