import type { Log } from '../../../acme/ports.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Timers } from '../../kubernetes/timers.ts'
import { createInitialObjects } from './initial-objects.ts'
import { publishTrust } from './trust.ts'

export interface PublishingDeps {
  readonly client: KubernetesClient
  readonly log: Log
  readonly timers: Timers
  readonly ownNamespace: string
  readonly trustNamespaces: readonly string[]
  readonly clusterTrustBundle: boolean
  /** Objects that are made where they are absent. */
  readonly initialManifests?: string
  /** What clients must trust for the listener, in PEM; undefined where there is nothing to tell. */
  readonly caPem: () => Promise<string | undefined>
  /** Called when what is published has changed. */
  readonly onTrust: () => void
}

const checkSeconds = 30
/** Should somebody have changed what is published, it is put right after so many rounds. */
const roundsToRepeat = 10

/**
 * Until the signal aborts: publishes what to trust for the listener whenever it changes, and makes the objects to begin
 * with as soon as they can be made. What fails is told and tried again.
 */
export async function keepPublished(deps: PublishingDeps, signal: AbortSignal): Promise<void> {
  const { timers, log } = deps
  let published: string | undefined
  let hasInitialObjects = deps.initialManifests === undefined

  async function publish(always: boolean): Promise<void> {
    const caPem = await deps.caPem()
    if (caPem === undefined || (caPem === published && !always)) return
    const { trustNamespaces: namespaces } = deps
    const isDone = await publishTrust({ ...deps, namespaces }, caPem)
    if (caPem !== published) deps.onTrust()
    published = isDone ? caPem : undefined
  }

  for (let round = 0; !signal.aborted; round++) {
    try {
      hasInitialObjects ||= await makeInitialObjects(deps, signal)
      await publish(round % roundsToRepeat === 0)
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'what is published could not be, and will be tried again')
    }
    await timers.sleep(checkSeconds * 1000, signal).catch(() => undefined)
  }
}

async function makeInitialObjects(deps: PublishingDeps, signal: AbortSignal): Promise<boolean> {
  const { client, log, ownNamespace, initialManifests: folder } = deps
  return folder === undefined || createInitialObjects({ client, log, folder, ownNamespace }, signal)
}
