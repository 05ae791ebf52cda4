import { join } from 'node:path'
import type { RequestListener } from 'node:http'
import { sql } from 'kysely'
import type { Log } from '../acme/ports.ts'
import { createProfiles } from '../acme/profiles.ts'
import { openDatabase } from '../store/database.ts'
import type { Db, OpenDatabase } from '../store/database.ts'
import { defaultRetention, deleteExpired } from '../store/janitor.ts'
import { migrateToLatest } from '../store/migrate.ts'
import { createAcmeParts } from './acme-parts.ts'
import type { AcmeParts } from './acme-parts.ts'
import { createCaKeys } from './ca-keys.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { createStandaloneController } from './controllers/standalone.ts'
import type { Pass } from './controllers/standalone.ts'
import type { PolicyDefaults } from './controllers/profile/policy.ts'
import { createStatuses } from './controllers/statuses.ts'
import { ensurePrivateFolder } from './files.ts'
import { lockFolder } from './folder-lock.ts'
import type { IssuerRegistry } from './issuer-registry.ts'
import { onceAvailable, startLoop } from './loops.ts'
import type { Loop } from './loops.ts'
import { watchManifests } from './manifests/watch.ts'
import type { Metrics } from './metrics.ts'

export interface BackendDeps {
  readonly config: Config
  readonly manifestsFolder: string
  readonly dataFolder: string
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly registry: IssuerRegistry
  /** Ends the start when it is aborted. */
  readonly signal: AbortSignal
}

/** Everything behind the listeners: database, controller, ACME server and the work that goes on by itself. */
export interface Backend {
  readonly app: RequestListener
  readonly firstPass: Pass
  /** Looks at the manifests now. */
  reload(): void
  /** Throws what the database throws. */
  ping(): Promise<void>
  /** Ends what runs by itself, gives leases back, and closes the database. */
  stop(): Promise<void>
}

/** The start was refused for a reason that a person has to remove. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
}

const resyncSeconds = 300
const gcBatch = 500

/** Opens the database, migrates it, reads the manifests and puts the ACME server together; waits for a database that is away. */
export async function startBackend(deps: BackendDeps): Promise<Backend> {
  const { config, log, signal } = deps
  const unlock = config.databaseUrl === undefined ? await lockData(deps.dataFolder) : async () => {}
  const database = await openDatabase(databaseOptions(deps))
  const closeDatabase = async (): Promise<void> => {
    await database.close()
    await unlock()
  }
  try {
    deps.metrics.watchDatabase(database)
    const wait = { log, signal, what: 'start' }
    const applied = await onceAvailable(() => migrateToLatest(database.db), wait)
    if (applied.length > 0) log.info({ name: applied }, 'database migrated')
    return await startOn(deps, database, closeDatabase)
  } catch (error) {
    await closeDatabase()
    throw error
  }
}

async function lockData(dataFolder: string): Promise<() => Promise<void>> {
  await ensurePrivateFolder(dataFolder)
  return lockFolder(dataFolder)
}

function databaseOptions({ config, dataFolder }: BackendDeps): Parameters<typeof openDatabase>[0] {
  return config.databaseUrl === undefined
    ? { pgliteDir: join(dataFolder, 'db') }
    : { url: config.databaseUrl, poolSize: config.databasePoolSize, applicationName: 'certctl' }
}

async function startOn(
  deps: BackendDeps,
  database: OpenDatabase,
  closeDatabase: () => Promise<void>,
): Promise<Backend> {
  const { config, clock, log, metrics, registry, signal, manifestsFolder } = deps
  const { db } = database
  const profiles = createProfiles(db)
  const controller = createStandaloneController({
    db,
    clock,
    log,
    metrics,
    registry,
    profiles,
    manifestsFolder,
    keys: createCaKeys(join(deps.dataFolder, 'keys')),
    statuses: createStatuses({ folder: join(deps.dataFolder, 'status'), clock, log }),
    ownNamespace: config.namespace,
    defaults: policyDefaults(config),
    directoryUrl: (profileId) => `${config.externalUrls[0]}/acme/profile/${profileId}/directory`,
  })
  const resync = startLoop({
    name: 'reconcile',
    intervalSeconds: resyncSeconds,
    log,
    work: () => controller.reconcile(),
  })
  const watch = await watchManifests({
    folder: manifestsFolder,
    intervalSeconds: config.manifestsInterval,
    onChange: () => resync.wake(),
  })
  const stopControlling = async (): Promise<void> => {
    watch.close()
    await resync.stop()
  }
  try {
    const wait = { log, signal, what: 'start' }
    const firstPass = await onceAvailable(() => controller.reconcile(), wait)
    if (firstPass.refuseStart.length > 0) throw new StartRefused(firstPass.refuseStart.join('\n'))
    const parts = await onceAvailable(
      () => createAcmeParts({ db, config, clock, log, metrics, profiles, issuers: registry }),
      wait,
    )
    parts.validation.start()
    const loops = startLoops(deps, db, parts)
    return {
      app: parts.app,
      firstPass,
      reload: () => resync.wake(),
      async ping() {
        await sql`select 1`.execute(db)
      },
      async stop() {
        await stopControlling()
        await Promise.all([parts.validation.stop(), ...loops.map((loop) => loop.stop())])
        await closeDatabase()
      },
    }
  } catch (error) {
    await stopControlling()
    throw error
  }
}

function policyDefaults(config: Config): PolicyDefaults {
  const { termsOfServiceUrl, websiteUrl, caaIdentities } = config
  return {
    orderLifetimeSeconds: config.orderTtl,
    authorizationLifetimeSeconds: config.authorizationTtl,
    meta: {
      ...(termsOfServiceUrl !== undefined && { termsOfService: termsOfServiceUrl }),
      ...(websiteUrl !== undefined && { website: websiteUrl }),
      ...(caaIdentities.length > 0 && { caaIdentities }),
    },
  }
}

/** What every process does for all: finish what others began, and clean up. */
function startLoops({ config, log, signal }: BackendDeps, db: Db, { issuance, limiter }: AcmeParts): Loop[] {
  return [
    startLoop({
      name: 'taking over issuances',
      intervalSeconds: config.leaseDuration / 2,
      log,
      work: () => issuance.takeOver(),
    }),
    startLoop({
      name: 'removing idle rate-limit buckets',
      intervalSeconds: config.rateLimitJanitorInterval,
      log,
      work: () => limiter.deleteIdle(),
    }),
    startLoop({
      name: 'removing what has expired',
      intervalSeconds: config.gcInterval,
      log,
      work: () => deleteExpired(db, { retention: defaultRetention, batchSize: gcBatch, signal }),
    }),
  ]
}
