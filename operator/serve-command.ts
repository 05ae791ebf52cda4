import { readFile, stat } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { resolve } from 'node:path'
import type { Log } from '../acme/ports.ts'
import { banner } from './banner.ts'
import { systemClock } from './clock.ts'
import { readConfig, SettingsError } from './config.ts'
import type { Config } from './config.ts'
import { FolderInUse } from './folder-lock.ts'
import { ListenError } from './listener.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import type { Metrics } from './metrics.ts'
import type { Place } from './place.ts'
import { StartRefused } from './plane.ts'
import { serve } from './serve.ts'
import type { Running } from './serve.ts'

export interface ServerCommand {
  /** Absent: the objects are custom resources of a cluster. */
  readonly standalone?: { readonly manifestsFolder: string; readonly dataFolder: string }
  /** In a cluster: the kubeconfig file to use in place of the pod's own credentials. */
  readonly kubeconfig?: string
  /** Whether to say what to do next. */
  readonly sample: boolean
}

/** `certctl serve`: serves until a signal ends it. 0 after a graceful stop, 1 where the start was refused. */
export async function runServer(command: ServerCommand): Promise<0 | 1> {
  // The embedded database has nothing that the event loop waits for, so that Node would end in the middle of a stop.
  const alive = setInterval(() => {}, 2 ** 30)
  try {
    const { config, warnings } = readConfig()
    const log = createLog({ level: config.logLevel })
    for (const warning of warnings) log.warn({}, warning)
    if (config.testCheckpoint !== undefined)
      log.warn({}, 'CERTCTL_TEST_CHECKPOINT is set: this process will end itself')
    return await serveUntilStopped(command, config, log)
  } catch (error) {
    if (!isRefusal(error)) throw error
    process.stderr.write(`certctl can't start. ${error.message}\n`)
    return 1
  } finally {
    clearInterval(alive)
  }
}

/** What a person has to put right: words are enough, a stack would hide them. */
function isRefusal(error: unknown): error is Error {
  const refusals = [SettingsError, ListenError, StartRefused, FolderInUse]
  return refusals.some((refusal) => error instanceof refusal)
}

async function serveUntilStopped(command: ServerCommand, config: Config, log: Log): Promise<0> {
  const metrics = createMetrics()
  const running = await serve({ config, log, metrics, clock: systemClock, place: await findPlace(command, config) })
  endOnUnhandledRejection(running, { log, metrics })
  const stopped = stopOnSignal(running, log)
  process.on('SIGHUP', () => running.reload())
  try {
    const facts = await running.started
    // Node would write it at the end alone, which a crash skips.
    flushCompileCache()
    if (command.sample) {
      const caPem = facts.caFile === undefined ? {} : { caPem: await readFile(facts.caFile, 'utf8') }
      process.stdout.write(banner({ externalUrl: config.externalUrls[0], pkiUrl: config.pkiUrl, ...facts, ...caPem }))
    }
  } catch (error) {
    if (!running.stopping) {
      await running.stop()
      throw error
    }
  }
  await stopped
  return 0
}

async function findPlace({ standalone, kubeconfig }: ServerCommand, config: Config): Promise<Place> {
  if (standalone === undefined) {
    const { connectCluster } = await import('./cluster-place.ts')
    return connectCluster(config, kubeconfig)
  }
  await requireFolder(standalone.manifestsFolder)
  return {
    kind: 'standalone',
    manifestsFolder: resolve(standalone.manifestsFolder),
    dataFolder: resolve(standalone.dataFolder),
  }
}

const bugExitCode = 70

/** A rejection that nothing handles is a bug: what else it left undone nobody knows, so the process ends and is started again. */
function endOnUnhandledRejection(running: Running, { log, metrics }: { log: Log; metrics: Metrics }): void {
  process.on('unhandledRejection', (reason) => {
    metrics.unhandledRejection()
    log.error({ err: reason }, 'an error that nothing handled; this is a bug, and the process ends')
    void running.stop().finally(() => process.exit(bugExitCode))
  })
}

async function requireFolder(folder: string): Promise<void> {
  const facts = await stat(folder).catch(() => undefined)
  if (facts?.isDirectory() !== true)
    throw new StartRefused(`--manifests ${folder} is not a folder; make it, or name another`)
}

/** The first signal stops gracefully, a second one at once. */
function stopOnSignal(running: Running, log: Log): Promise<void> {
  return new Promise((done, failed) => {
    let signals = 0
    const onSignal = (signal: NodeJS.Signals): void => {
      signals += 1
      if (signals > 1) process.exit(1)
      log.info({ signal }, 'stopping; a second signal stops at once')
      running.stop().then(done, failed)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
