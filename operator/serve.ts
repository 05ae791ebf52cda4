import type { Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../acme/ports.ts'
import { startBackend } from './backend.ts'
import type { Backend } from './backend.ts'
import { keepCertificate } from './certificate-renewal.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { createFront } from './front.ts'
import type { Front } from './front.ts'
import { remembered } from './health.ts'
import { createIssuerRegistry } from './issuer-registry.ts'
import { closeListener, listen } from './listener.ts'
import type { Loop } from './loops.ts'
import type { Metrics } from './metrics.ts'
import { createMetricsServer } from './metrics-server.ts'
import type { MetricsServer } from './metrics-server.ts'
import { createPkiServer } from './pki-server.ts'
import type { Place } from './place.ts'
import type { TlsVersion } from './secure-context.ts'
import { broughtCertificate, ownCertificate, ownCertificateIn, servingHosts } from './tls.ts'
import type { ServingCertificates } from './tls.ts'
import type { ServingCertificate } from './tls-leaf.ts'
import { secretListenerStore } from './tls-secret.ts'

export interface ServeOptions {
  readonly config: Config
  readonly place: Place
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** What is served, for people. */
export interface StartFacts {
  readonly profileIds: readonly string[]
  readonly issuerIds: readonly string[]
  /** What clients must trust for the listener; absent where its certificate was brought along. */
  readonly caFile?: string
}

/** A process that serves, or is about to. */
export interface Running {
  /** Resolves when everything is served; rejects where the start was refused. Until then only probes are answered. */
  readonly started: Promise<StartFacts>
  /** True once `stop` was called. */
  readonly stopping: boolean
  /** Looks at the manifests now. */
  reload(): void
  /** Stops gracefully. May be called at any time, and again. */
  stop(): Promise<void>
}

const longestPingMs = 2_000
const listenerSecret = 'certctl-listener'
/** After that the process ends with the reason: its container is started again, and the reason is easily seen. */
const firstCertificateAttempts = 60

/**
 * Starts everything, in this order: the listener's certificate, the listeners with /health, database and migrations,
 * Issuers and profiles, and then /ready with the ACME server. Rejects where a listener can't be had.
 */
export async function serve(options: ServeOptions): Promise<Running> {
  const { config, clock, log, metrics } = options
  const registry = createIssuerRegistry(config.listenPki === 'off' ? undefined : config.pkiUrl)
  const certificates = servingCertificates(options)
  const stopping = new AbortController()
  let backend: Backend | undefined

  const probes = { reasonNotReady: readiness(() => backend, stopping.signal) }
  metrics.watchReadiness(probes)
  const tls = { certificate: await firstCertificate(certificates, options), minVersion: minVersion(config) }
  const front = createFront({ ...tls, maxConnections: config.maxConnections, readiness: probes })
  const others: OtherListeners = {
    ...(config.listenPki !== 'off' && { pki: createPkiServer(registry) }),
    ...(config.listenMetrics !== 'off' && {
      metrics: createMetricsServer(metrics, config.metricsTls === 'on' ? tls : undefined),
    }),
  }
  await bindAll(config, front, others)
  const listeners = [front, ...(others.metrics === undefined ? [] : [others.metrics])]
  const renewal = keepCertificate({ listeners, certificates, clock, log })

  const start = async (): Promise<StartFacts> => {
    const started = await startBackend({ ...options, metrics, registry, certificates, signal: stopping.signal })
    backend = started
    front.serve(started.app)
    log.info({ url: config.externalUrls[0] }, 'ready')
    return {
      profileIds: started.readyProfiles,
      issuerIds: registry.list().map(({ publicId }) => publicId),
      ...(certificates.caFile !== undefined && { caFile: certificates.caFile }),
    }
  }
  const started = start()
  let stopped: Promise<void> | undefined

  return {
    started,
    get stopping() {
      return stopping.signal.aborted
    },
    reload: () => backend?.reload(),
    stop() {
      stopped ??= stopAll({ config, front, others, renewal, started, metrics, stopping, backend: () => backend })
      return stopped
    },
  }
}

function minVersion({ tlsMinVersion }: Config): TlsVersion {
  return tlsMinVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3'
}

function servingCertificates({ config, place }: ServeOptions): ServingCertificates {
  const { tlsCertFile, tlsKeyFile, tlsCaFile } = config
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    return broughtCertificate({
      certFile: tlsCertFile,
      keyFile: tlsKeyFile,
      ...(tlsCaFile !== undefined && { caFile: tlsCaFile }),
    })
  }
  const hosts = servingHosts(config.externalUrls)
  if (place.kind === 'standalone') return ownCertificate(join(place.dataFolder, 'tls'), hosts)
  const { client } = place
  return ownCertificateIn(secretListenerStore({ client, namespace: config.namespace, name: listenerSecret }), hosts)
}

/** In a cluster the listener's CA is asked of the API server, which may not be there yet. */
async function firstCertificate(
  certificates: ServingCertificates,
  { place, clock, log }: ServeOptions,
): Promise<ServingCertificate> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await certificates.current(clock.now())
    } catch (error) {
      if (place.kind === 'standalone' || attempt >= firstCertificateAttempts) throw error
      log.warn({ err: error, attempt }, "the listener's CA can't be read yet; trying again")
      await sleep(1_000)
    }
  }
}

/** Why the process is not ready. The database is asked at most once a second, however many ask for it. */
function readiness(backend: () => Backend | undefined, stopping: AbortSignal): () => Promise<string | undefined> {
  const ping = remembered(async () => {
    const timeout = sleep(longestPingMs, false, { ref: false })
    const answered = backend()
      ?.ping()
      .then(
        () => true,
        () => false,
      )
    return Promise.race([answered, timeout])
  }, 1_000)
  return async () => {
    if (stopping.aborted) return 'the process is stopping'
    if (backend() === undefined) return 'the database and the profiles are not loaded yet'
    if ((await ping()) !== true) return 'the database does not answer'
    return backend()?.reasonNotServing()
  }
}

/** Beside that of ACME; each may be off. */
interface OtherListeners {
  readonly pki?: Server
  readonly metrics?: MetricsServer
}

async function bindAll(config: Config, front: Front, others: OtherListeners): Promise<void> {
  const bound: Server[] = []
  const bind = async (server: Server, ...[address, setting]: [Parameters<typeof listen>[1], string]): Promise<void> => {
    await listen(server, address, setting)
    bound.push(server)
  }
  try {
    await bind(front.server, config.listenAcme, 'CERTCTL_LISTEN_ACME')
    if (others.pki && config.listenPki !== 'off') await bind(others.pki, config.listenPki, 'CERTCTL_LISTEN_PKI')
    if (others.metrics && config.listenMetrics !== 'off') {
      await bind(others.metrics.server, config.listenMetrics, 'CERTCTL_LISTEN_METRICS')
    }
  } catch (error) {
    for (const server of bound) server.close()
    throw error
  }
}

/** The one place that ends the process's work, in the order that loses nothing. */
async function stopAll(parts: {
  config: Config
  front: Front
  others: OtherListeners
  renewal: Loop
  started: Promise<unknown>
  metrics: Metrics
  stopping: AbortController
  backend: () => Backend | undefined
}): Promise<void> {
  const { config, front, others } = parts
  parts.stopping.abort(new Error('the process is stopping'))
  front.drain()
  await sleep(config.shutdownDrain * 1000)
  const deadlineMs = config.shutdownTimeout * 1000
  await closeListener(front.server, deadlineMs)
  // A start that is still waiting for its database ends by the signal; what it says no longer matters.
  await parts.started.catch(() => undefined)
  await parts.renewal.stop()
  await parts.backend()?.stop()
  for (const server of [others.pki, others.metrics?.server])
    if (server !== undefined) await closeListener(server, 1_000)
  parts.metrics.close()
}
