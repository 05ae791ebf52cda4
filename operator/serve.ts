import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../acme/ports.ts'
import { startBackend } from './backend.ts'
import type { Backend } from './backend.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { createFront } from './front.ts'
import type { Front } from './front.ts'
import { remembered } from './health.ts'
import { createIssuerRegistry } from './issuer-registry.ts'
import type { IssuerRegistry } from './issuer-registry.ts'
import { closeListener, listen, listenerTimeouts } from './listener.ts'
import { startLoop } from './loops.ts'
import type { Loop } from './loops.ts'
import type { Metrics } from './metrics.ts'
import { createPkiServer } from './pki-server.ts'
import type { Place } from './place.ts'
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

const certificateCheckSeconds = 30
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
  const front = createFront({
    certificate: await firstCertificate(certificates, options),
    minVersion: config.tlsMinVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
    maxConnections: config.maxConnections,
    readiness: probes,
  })
  const plain = plainListeners(config, { registry, metrics })
  await bindAll(config, front, plain)
  const renewal = keepCertificate({ front, certificates, clock, log })

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
      stopped ??= stopAll({ config, front, plain, renewal, started, metrics, stopping, backend: () => backend })
      return stopped
    },
  }
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

interface PlainListeners {
  readonly pki?: Server
  readonly metrics?: Server
}

function plainListeners(config: Config, parts: { registry: IssuerRegistry; metrics: Metrics }): PlainListeners {
  return {
    ...(config.listenPki !== 'off' && { pki: createPkiServer(parts.registry) }),
    ...(config.listenMetrics !== 'off' && { metrics: createMetricsServer(parts.metrics) }),
  }
}

function createMetricsServer(metrics: Metrics): Server {
  return createServer(listenerTimeouts, (request, response) => {
    if (request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.expose().then(
      ({ contentType, body }) => response.writeHead(200, { 'Content-Type': contentType }).end(body),
      () => response.writeHead(500).end(),
    )
  })
}

async function bindAll(config: Config, front: Front, plain: PlainListeners): Promise<void> {
  const bound: Server[] = []
  const bind = async (server: Server, ...[address, setting]: [Parameters<typeof listen>[1], string]): Promise<void> => {
    await listen(server, address, setting)
    bound.push(server)
  }
  try {
    await bind(front.server, config.listenAcme, 'CERTCTL_LISTEN_ACME')
    if (plain.pki && config.listenPki !== 'off') await bind(plain.pki, config.listenPki, 'CERTCTL_LISTEN_PKI')
    if (plain.metrics && config.listenMetrics !== 'off') {
      await bind(plain.metrics, config.listenMetrics, 'CERTCTL_LISTEN_METRICS')
    }
  } catch (error) {
    for (const server of bound) server.close()
    throw error
  }
}

/** Renews or rereads the listener's certificate and shows it as soon as it has changed. */
function keepCertificate(parts: { front: Front; certificates: ServingCertificates; clock: Clock; log: Log }): Loop {
  const { front, certificates, clock, log } = parts
  let shown: string | undefined
  return startLoop({
    name: "renewing the listener's certificate",
    intervalSeconds: certificateCheckSeconds,
    log,
    async work() {
      const certificate = await certificates.current(clock.now())
      if (certificate.certPem === shown) return
      front.useCertificate(certificate)
      if (shown !== undefined) log.info({}, "the listener's certificate has changed")
      shown = certificate.certPem
    },
  })
}

/** The one place that ends the process's work, in the order that loses nothing. */
async function stopAll(parts: {
  config: Config
  front: Front
  plain: PlainListeners
  renewal: Loop
  started: Promise<unknown>
  metrics: Metrics
  stopping: AbortController
  backend: () => Backend | undefined
}): Promise<void> {
  const { config, front, plain } = parts
  parts.stopping.abort(new Error('the process is stopping'))
  front.drain()
  await sleep(config.shutdownDrain * 1000)
  const deadlineMs = config.shutdownTimeout * 1000
  await closeListener(front.server, deadlineMs)
  // A start that is still waiting for its database ends by the signal; what it says no longer matters.
  await parts.started.catch(() => undefined)
  await parts.renewal.stop()
  await parts.backend()?.stop()
  for (const server of [plain.pki, plain.metrics]) if (server !== undefined) await closeListener(server, 1_000)
  parts.metrics.close()
}
