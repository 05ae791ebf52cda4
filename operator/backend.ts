import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { sql } from 'kysely'
import { openDatabase } from '../store/database.ts'
import type { OpenDatabase } from '../store/database.ts'
import { defaultRetention, deleteExpired } from '../store/janitor.ts'
import { migrateToLatest } from '../store/migrate.ts'
import type { AcmeParts } from './acme-parts.ts'
import type { Config } from './config.ts'
import { ensurePrivateFolder } from './files.ts'
import { lockFolder } from './folder-lock.ts'
import { onceAvailable, startLoop } from './loops.ts'
import type { Loop } from './loops.ts'
import type { Place } from './place.ts'
import { StartRefused } from './plane.ts'
import type { Plane, PlaneDeps } from './plane.ts'

export interface BackendDeps extends PlaneDeps {
  readonly place: Place
}

/** Everything behind the listeners: database, controller, ACME server and the work that goes on by itself. */
export interface Backend extends Omit<Plane, 'parts'> {
  readonly app: RequestListener
  /** Throws what the database throws. */
  ping(): Promise<void>
  /** Ends what runs by itself, gives leases back, and closes the database. */
  stop(): Promise<void>
}

const gcBatch = 500

/** Opens the database, migrates it, and puts together what serves on it; waits for a database that is away. */
export async function startBackend(deps: BackendDeps): Promise<Backend> {
  const { log, signal } = deps
  const database = await openPlaceDatabase(deps)
  try {
    deps.metrics.watchDatabase(database)
    const wait = { log, signal, what: 'start' }
    const applied = await onceAvailable(() => migrateToLatest(database.db), wait)
    if (applied.length > 0) log.info({ name: applied }, 'database migrated')
    return running(deps, database, await startPlane(deps, database))
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Either is loaded on demand: nobody pays for the one that they don't run. */
async function startPlane(deps: BackendDeps, { db }: OpenDatabase): Promise<Plane> {
  const { place, config } = deps
  if (place.kind === 'standalone') {
    const { startStandalone } = await import('./standalone-backend.ts')
    return startStandalone({ ...deps, ...place, db })
  }
  const { startInCluster } = await import('./cluster-backend.ts')
  return startInCluster({ ...deps, ...place, db, databaseUrl: requireUrl(config) })
}

function running(deps: BackendDeps, database: OpenDatabase, plane: Plane): Backend {
  const { parts } = plane
  parts.validation.start()
  const loops = startLoops(deps, database, parts)
  return {
    ...plane,
    app: parts.app,
    async ping() {
      await sql`select 1`.execute(database.db)
    },
    async stop() {
      await plane.stop()
      await Promise.all([parts.validation.stop(), ...loops.map((loop) => loop.stop())])
      await database.close()
    },
  }
}

/** An embedded database lies in the data folder, which is for one process alone. */
async function openPlaceDatabase({ config, place }: BackendDeps): Promise<OpenDatabase> {
  const { databaseUrl: url, databasePoolSize: poolSize } = config
  if (url !== undefined) return openDatabase({ url, poolSize, applicationName: 'certctl' })
  if (place.kind === 'cluster') throw new StartRefused(databaseMissing)
  await ensurePrivateFolder(place.dataFolder)
  const unlock = await lockFolder(place.dataFolder)
  const database = await openDatabase({ pgliteDir: join(place.dataFolder, 'db') }).catch(async (error: unknown) => {
    await unlock()
    throw error
  })
  return {
    ...database,
    async close() {
      await database.close()
      await unlock()
    },
  }
}

const databaseMissing = 'CERTCTL_DATABASE_URL is missing: in a cluster, replicas share a Postgres (14 or newer)'

function requireUrl({ databaseUrl }: Config): string {
  if (databaseUrl === undefined) throw new StartRefused(databaseMissing)
  return databaseUrl
}

/** What every process does for all: finish what others began, and clean up. */
function startLoops(
  { config, log, signal }: BackendDeps,
  { db }: OpenDatabase,
  { issuance, limiter }: AcmeParts,
): Loop[] {
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
