import { join } from 'node:path'
import { createProfiles } from '../acme/profiles.ts'
import type { Db } from '../store/database.ts'
import { createAcmeParts } from './acme-parts.ts'
import { createCaKeys } from './ca-keys.ts'
import type { Config } from './config.ts'
import type { ValidationCaps } from '../acme/validation/caps.ts'
import { createStandaloneController } from './controllers/standalone.ts'
import { createStatuses } from './controllers/statuses.ts'
import { onceAvailable, startLoop } from './loops.ts'
import { policyDefaults, StartRefused } from './plane.ts'
import type { Plane, PlaneDeps } from './plane.ts'
import { watchManifests } from './manifests/watch.ts'

const resyncSeconds = 300

export interface StandaloneDeps extends PlaneDeps {
  readonly db: Db
  readonly manifestsFolder: string
  readonly dataFolder: string
}

/** Reads the manifests, brings them into the database and goes on doing so; waits for a database that is away. */
export async function startStandalone(deps: StandaloneDeps): Promise<Plane> {
  const { config, clock, log, metrics, registry, signal, manifestsFolder, db } = deps
  const profiles = createProfiles(db)
  const caps = givenCaps(config)
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
    caps,
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
  const stop = async (): Promise<void> => {
    watch.close()
    await resync.stop()
  }
  try {
    const wait = { log, signal, what: 'start' }
    const firstPass = await onceAvailable(() => controller.reconcile(), wait)
    if (firstPass.refuseStart.length > 0) throw new StartRefused(firstPass.refuseStart.join('\n'))
    const parts = await onceAvailable(
      () => createAcmeParts({ db, config, clock, log, metrics, profiles, issuers: registry, caps }),
      wait,
    )
    const { readyProfiles } = firstPass
    return { parts, readyProfiles, reload: () => resync.wake(), reasonNotServing: () => undefined, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Manifests are the work of whoever runs the server, so nothing is capped that they did not ask for. */
function givenCaps({ validationNetworksCap: networks, resolversCap: resolvers }: Config): ValidationCaps {
  return { ...(networks.length > 0 && { networks }), ...(resolvers.length > 0 && { resolvers }) }
}
