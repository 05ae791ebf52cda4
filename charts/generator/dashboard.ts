/** One line of a graph, or the number of a stat. */
interface Query {
  readonly expr: string
  readonly legend: string
}

interface Panel {
  readonly title: string
  readonly kind: 'timeseries' | 'stat'
  /** In Grafana's grid of 24 columns. */
  readonly width: number
  readonly unit: string
  readonly queries: readonly Query[]
}

const job = 'job=~"$job"'
const perSecond = (metric: string, by: string, more = ''): string =>
  `sum by (${by}) (rate(${metric}{${job}${more}}[$__rate_interval]))`
const quantile = (share: number, metric: string, by = ''): string =>
  `histogram_quantile(${share}, ${perSecond(`${metric}_bucket`, by === '' ? 'le' : `${by}, le`)})`

function stat(title: string, unit: string, expr: string): Panel {
  return { title, kind: 'stat', width: 4, unit, queries: [{ expr, legend: title }] }
}

function graph(title: string, unit: string, ...queries: readonly (readonly [expr: string, legend: string])[]): Panel {
  return { title, kind: 'timeseries', width: 12, unit, queries: queries.map(([expr, legend]) => ({ expr, legend })) }
}

/** What is to be seen, in order of what one looks at first. */
const panels: readonly Panel[] = [
  {
    title: 'Replicas',
    kind: 'stat',
    width: 4,
    unit: 'none',
    queries: [
      { expr: `sum(up{${job}})`, legend: 'up' },
      { expr: `sum(certctl_ready{${job}})`, legend: 'ready' },
    ],
  },
  stat('Leader', 'none', `sum(certctl_leader{${job}})`),
  stat('Profiles not ready', 'none', `count(certctl_profile_ready{${job}} == 0) or vector(0)`),
  stat('Issuers not ready', 'none', `count(certctl_issuer_ready{${job}} == 0) or vector(0)`),
  stat('First CA ends in', 's', `min(certctl_issuer_ca_not_after_timestamp_seconds{${job}}) - time()`),
  stat(
    'Certificates a minute',
    'none',
    `sum(rate(certctl_acme_order_to_valid_seconds_count{${job}}[$__rate_interval])) * 60`,
  ),
  graph('Requests by endpoint', 'reqps', [perSecond('certctl_acme_requests_total', 'endpoint'), '{{endpoint}}']),
  graph('Requests by status', 'reqps', [perSecond('certctl_acme_requests_total', 'status'), '{{status}}']),
  graph('Problems', 'reqps', [perSecond('certctl_acme_problems_total', 'type'), '{{type}}']),
  graph(
    'From newOrder to the certificate',
    's',
    [quantile(0.5, 'certctl_acme_order_to_valid_seconds'), 'half'],
    [quantile(0.95, 'certctl_acme_order_to_valid_seconds'), '95 %'],
  ),
  graph('Validations', 'ops', [perSecond('certctl_acme_validations_total', 'type, result'), '{{type}} {{result}}']),
  graph('Validation time, 95 %', 's', [quantile(0.95, 'certctl_acme_validation_seconds', 'type'), '{{type}}']),
  graph('Signing time, 99 %', 's', [quantile(0.99, 'certctl_ca_signing_seconds'), 'signature']),
  graph('Signatures', 'ops', [perSecond('certctl_ca_signing_seconds_count', 'instance'), '{{instance}}']),
  graph('Reconciles', 'ops', [perSecond('certctl_reconcile_total', 'kind, result'), '{{kind}} {{result}}']),
  graph('Reconcile time, 95 %', 's', [quantile(0.95, 'certctl_reconcile_seconds', 'kind'), '{{kind}}']),
  graph('Waiting to be reconciled', 'none', [`sum by (kind) (certctl_queue_depth{${job}})`, '{{kind}}']),
  graph('Since the API server was heard', 's', [
    `max by (kind) (certctl_watch_last_event_age_seconds{${job}})`,
    '{{kind}}',
  ]),
  graph('Watches begun anew', 'ops', [perSecond('certctl_watch_restarts_total', 'kind, cause'), '{{kind}} {{cause}}']),
  graph('Statuses written', 'ops', [perSecond('certctl_status_writes_total', 'kind'), '{{kind}}']),
  graph(
    'Put right or refused',
    'none',
    [`sum(increase(certctl_drift_repaired_total{${job}}[$__rate_interval]))`, 'drift repaired'],
    [`sum(increase(certctl_fenced_writes_total{${job}}[$__rate_interval]))`, 'fenced writes'],
    [`sum(increase(certctl_unhandled_rejections_total{${job}}[$__rate_interval]))`, 'unhandled rejections'],
    [`sum(changes(process_start_time_seconds{${job}}[$__rate_interval]))`, 'starts of a container'],
  ),
  graph('Database connections', 'none', [`sum by (state) (certctl_db_pool_connections{${job}})`, '{{state}}']),
  graph('Statements', 'ops', [perSecond('certctl_db_round_trips_total', 'instance'), '{{instance}}']),
  graph('Event loop lag, 99 %', 's', [`certctl_event_loop_lag_seconds{${job}, quantile="0.99"}`, '{{instance}}']),
  graph('Memory', 'bytes', [`process_resident_memory_bytes{${job}}`, '{{instance}}']),
  graph('CPU', 'none', [perSecond('process_cpu_seconds_total', 'instance'), '{{instance}}']),
]

const datasource = { type: 'prometheus', uid: '${datasource}' }
const columns = 24
const height = { stat: 4, timeseries: 8 } as const

/** The Grafana dashboard. It shows the releases that its variable `job` selects. */
export function dashboard(): object {
  return {
    uid: 'certctl',
    title: 'certctl',
    tags: ['certctl', 'pki'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', hide: 0 },
        {
          name: 'job',
          label: 'Release',
          type: 'query',
          datasource,
          query: { query: 'label_values(certctl_leader, job)', refId: 'job' },
          refresh: 2,
          includeAll: true,
          multi: true,
          current: { text: 'All', value: '$__all' },
          sort: 1,
        },
      ],
    },
    panels: placed(),
  }
}

function placed(): object[] {
  let [x, y, row] = [0, 0, 0]
  return panels.map((panel, index) => {
    if (x + panel.width > columns) [x, y, row] = [0, y + row, 0]
    const gridPos = { x, y, w: panel.width, h: height[panel.kind] }
    x += panel.width
    row = Math.max(row, gridPos.h)
    return panelObject(panel, index + 1, gridPos)
  })
}

function panelObject({ title, kind, unit, queries }: Panel, id: number, gridPos: object): object {
  return {
    id,
    title,
    type: kind,
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: kind === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { legend: { displayMode: 'list' } },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource,
      expr,
      legendFormat: legend,
      range: kind !== 'stat',
      instant: kind === 'stat',
    })),
  }
}
