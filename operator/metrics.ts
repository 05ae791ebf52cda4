import { monitorEventLoopDelay } from 'node:perf_hooks'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { createControllerMetrics } from './controller-metrics.ts'
import type { ControllerMetrics } from './controller-metrics.ts'
import type { Readiness } from './health.ts'

/** What the metrics need to know of the database. */
export interface DatabaseStats {
  poolStats(): { total: number; idle: number; waiting: number }
  queryCount(): number
}

/** What the server, the validation worker and the operator report. All of it may be called at any time and is cheap. */
export interface Metrics extends ControllerMetrics {
  request(endpoint: string, status: number): void
  problem(type: string): void
  validation(type: string, result: string, seconds: number): void
  orderToValid(seconds: number): void
  signing(seconds: number): void
  /** From now on the gauge of readiness asks this. */
  watchReadiness(readiness: Readiness): void
  /** From now on the pool's gauges show this database. */
  watchDatabase(database: DatabaseStats): void
  /** Everything in Prometheus' text format. */
  expose(): Promise<{ contentType: string; body: string }>
  /** Stops what observes the event loop. */
  close(): void
}

const halfAnHour = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]
const halfAMinute = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const aSecond = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1]

/** The metrics of the process, each in a registry of its own so that several can live in one test. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'certctl_acme_requests_total',
    help: 'Requests to the ACME server by endpoint and HTTP status.',
    labelNames: ['endpoint', 'status'],
    registers,
  })
  const problems = new Counter({
    name: 'certctl_acme_problems_total',
    help: 'Problem documents by ACME problem type.',
    labelNames: ['type'],
    registers,
  })
  const validations = new Counter({
    name: 'certctl_acme_validations_total',
    help: 'Attempts to validate a challenge by challenge type and result.',
    labelNames: ['type', 'result'],
    registers,
  })
  const validationSeconds = new Histogram({
    name: 'certctl_acme_validation_seconds',
    help: 'How long one attempt to validate a challenge took.',
    labelNames: ['type'],
    buckets: halfAMinute,
    registers,
  })
  const orderSeconds = new Histogram({
    name: 'certctl_acme_order_to_valid_seconds',
    help: 'Time from newOrder to the certificate.',
    buckets: halfAnHour,
    registers,
  })
  const signingSeconds = new Histogram({
    name: 'certctl_ca_signing_seconds',
    help: 'How long one signature of a CA key took.',
    buckets: aSecond,
    registers,
  })
  const watchReadiness = readinessGauge(registry)
  const watchDatabase = databaseGauges(registry)
  const closeLag = eventLoopGauge(registry)
  return {
    ...createControllerMetrics(registry),
    request: (endpoint, status) => requests.inc({ endpoint, status }),
    problem: (type) => problems.inc({ type }),
    validation(type, result, seconds) {
      validations.inc({ type, result })
      validationSeconds.observe({ type }, seconds)
    },
    orderToValid: (seconds) => orderSeconds.observe(seconds),
    signing: (seconds) => signingSeconds.observe(seconds),
    watchReadiness,
    watchDatabase,
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    close: closeLag,
  }
}

function readinessGauge(registry: Registry): (readiness: Readiness) => void {
  let readiness: Readiness | undefined
  new Gauge({
    name: 'certctl_ready',
    help: '1 while /ready says so: the database answers, profiles are loaded and this replica has caught up.',
    registers: [registry],
    async collect() {
      const reason = readiness === undefined ? 'not started' : await readiness.reasonNotReady()
      this.set(reason === undefined ? 1 : 0)
    },
  })
  return (watched) => {
    readiness = watched
  }
}

function databaseGauges(registry: Registry): (database: DatabaseStats) => void {
  let database: DatabaseStats | undefined
  new Gauge({
    name: 'certctl_db_pool_connections',
    help: 'Connections of the database pool by state; waiting counts those who wait for one.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      if (database === undefined) return
      const { total, idle, waiting } = database.poolStats()
      this.set({ state: 'idle' }, idle)
      this.set({ state: 'busy' }, total - idle)
      this.set({ state: 'waiting' }, waiting)
    },
  })
  new Counter({
    name: 'certctl_db_round_trips_total',
    help: 'Statements sent to the database.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(database?.queryCount() ?? 0)
    },
  })
  return (watched) => {
    database = watched
  }
}

function eventLoopGauge(registry: Registry): () => void {
  const resolutionMs = 20
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  // What is measured is the time between two ticks of a timer, so an idle loop shows the timer's own period.
  const lag = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3)
  delay.enable()
  new Gauge({
    name: 'certctl_event_loop_lag_seconds',
    help: 'How late the event loop ran since the last scrape.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      this.set({ quantile: '0.5' }, lag(delay.percentile(50)))
      this.set({ quantile: '0.99' }, lag(delay.percentile(99)))
      this.set({ quantile: '1' }, lag(delay.max))
      delay.reset()
    },
  })
  return () => delay.disable()
}
