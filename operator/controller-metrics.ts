import { Counter, Gauge, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'
import { valueAt } from './controllers/cluster/custom-object.ts'
import { conditionsOf } from './controllers/cluster/object-status.ts'
import type { ControllersView, ReconcileMetrics } from './controllers/cluster/leadership.ts'

/** What the operator reports of reconciling. All of it may be called at any time and is cheap. */
export interface ControllerMetrics extends Omit<ReconcileMetrics, 'reconcile'> {
  reconcile(kind: string, result: 'ok' | 'refused' | 'failed'): void
  leading(leads: boolean): void
  unhandledRejection(): void
}

const aMinute = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

/** The operator's metrics, in a registry that somebody else exposes. */
export function createControllerMetrics(registry: Registry): ControllerMetrics {
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: readonly string[] = []): Counter =>
    new Counter({ name, help, labelNames: [...labelNames], registers })
  const reconciles = counter('certctl_reconcile_total', 'Reconciled objects by kind and result.', ['kind', 'result'])
  const drift = counter('certctl_drift_repaired_total', 'Rows that had been changed behind the operator, by kind.', [
    'kind',
  ])
  const statuses = counter('certctl_status_writes_total', 'Statuses written to the API server, by kind.', ['kind'])
  const fenced = counter('certctl_fenced_writes_total', 'Writes refused because another replica leads.')
  const restarts = counter('certctl_watch_restarts_total', 'Watches begun anew, by kind and cause.', ['kind', 'cause'])
  const rejections = counter('certctl_unhandled_rejections_total', 'Errors that nothing handled: each is a bug.')
  const durations = new Histogram({
    name: 'certctl_reconcile_seconds',
    help: 'How long one reconcile took.',
    labelNames: ['kind'],
    buckets: aMinute,
    registers,
  })
  const leader = new Gauge({ name: 'certctl_leader', help: '1 while this replica reconciles.', registers })
  leader.set(0)
  const watchControllers = objectGauges(registry)
  return {
    reconcile: (kind, result) => reconciles.inc({ kind, result }),
    reconcileSeconds: (kind, seconds) => durations.observe({ kind }, seconds),
    driftRepaired: (kind) => drift.inc({ kind }),
    statusWritten: (kind) => statuses.inc({ kind }),
    fenced: () => fenced.inc(),
    watchRestart: (kind, cause) => restarts.inc({ kind, cause }),
    unhandledRejection: () => rejections.inc(),
    leading: (leads) => leader.set(leads ? 1 : 0),
    watchControllers,
  }
}

/** Read at each scrape, so that what is gone is gone from the gauges too. Only the replica that leads has any. */
function objectGauges(registry: Registry): (view: ControllersView | undefined) => void {
  let view: ControllersView | undefined
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (set: SetGauge, from: ControllersView) => void,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        if (view !== undefined) read((labels, value) => this.set(labels, value), view)
      },
    })
  }
  gauge('certctl_queue_depth', 'Objects that wait to be reconciled.', ['kind'], (set, { queues }) => {
    for (const [kind, queue] of queues) set({ kind }, queue.depth)
  })
  gauge(
    'certctl_watch_last_event_age_seconds',
    'Since the API server last said anything.',
    ['kind'],
    (set, { informers }) => {
      for (const [kind, informer] of informers) set({ kind }, informer.lastHeardSeconds())
    },
  )
  gauge(
    'certctl_profile_ready',
    '1 for each CertificateProfile that is ready.',
    ['namespace', 'name'],
    (set, { profiles }) => {
      for (const { metadata, status } of profiles.list()) set(nameOf(metadata), readyValue(status))
    },
  )
  gauge('certctl_issuer_ready', '1 for each Issuer that is ready.', ['namespace', 'name'], (set, { issuers }) => {
    for (const { metadata, status } of issuers.list()) set(nameOf(metadata), readyValue(status))
  })
  gauge(
    'certctl_issuer_ca_not_after_timestamp_seconds',
    'When the CA certificate of an Issuer ends, in seconds since 1970.',
    ['namespace', 'name'],
    (set, { issuers }) => {
      for (const { metadata, status } of issuers.list()) {
        const seconds = caEnd(status)
        if (seconds !== undefined) set(nameOf(metadata), seconds)
      }
    },
  )
  return (watched) => {
    view = watched
  }
}

type SetGauge = (labels: Record<string, string>, value: number) => void

function nameOf({ namespace = '', name }: { namespace?: string; name: string }): { namespace: string; name: string } {
  return { namespace, name }
}

function readyValue(status: unknown): number {
  return conditionsOf(status).some(({ type, status: value }) => type === 'Ready' && value === 'True') ? 1 : 0
}

function caEnd(status: unknown): number | undefined {
  const notAfter = valueAt(status, 'ca', 'notAfter')
  const milliseconds = typeof notAfter === 'string' ? Date.parse(notAfter) : Number.NaN
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000
}
