import type { KeyObject } from 'node:crypto'
import type { IssuerCeilings } from '../../acme/policy.ts'
import type { Log } from '../../acme/ports.ts'
import type { Profiles } from '../../acme/profiles.ts'
import { CaError } from '../../ca/index.ts'
import type { Db } from '../../store/database.ts'
import { listIssuerCertificates, listIssuers, listRetiredIssuersCertificates } from '../../store/issuers.ts'
import type { IssuerCertificateView, StoredIssuer } from '../../store/issuers.ts'
import { readSnapshotVersion } from '../../store/snapshot.ts'
import { publicId } from '../issuer-registry.ts'
import type { IssuerRegistry, RegisteredGeneration } from '../issuer-registry.ts'
import { generationOf, withKey } from './generations.ts'
import { readSecretKey } from './secret-key.ts'
import type { CaSecrets } from './secret-key.ts'

/** What this process serves from: profiles, issuers and CA keys, as the database had them at a version. */
export interface Snapshot {
  /** The version up to which profiles and issuers are loaded; 0 before the first. */
  readonly loadedVersion: number
  /** The ids of the issuers that should sign and whose key is not here. */
  readonly missingIssuers: readonly string[]
  /** The rows and then the keys: `refreshRows` and `loadMissingKeys`. */
  refresh(): Promise<void>
  /**
   * Reads the version and then profiles and issuers, so that they are at least of that version. Never runs twice at
   * once: a call waits for the one before it, and then reads again. Throws what the database throws; what
   * was loaded stays.
   */
  refreshRows(): Promise<void>
  /**
   * Tries to load the keys that are missing; true if one came. A Secret that can't be read only leaves its issuer
   * missing. A key that is being loaded already is not asked for twice.
   */
  loadMissingKeys(): Promise<boolean>
}

export interface SnapshotDeps {
  readonly db: Db
  readonly profiles: Profiles
  readonly registry: IssuerRegistry
  readonly secrets: CaSecrets
  readonly ownNamespace: string
  readonly log: Log
}

/** A thousand Issuers must not be a thousand connections to the API server. */
const keysAtOnce = 20

export function createSnapshot(deps: SnapshotDeps): Snapshot {
  const { db, profiles, registry, log } = deps
  let loadedVersion = 0
  let issuers: ReadonlyMap<string, StoredIssuer> = new Map()
  let lastReading: Promise<unknown> = Promise.resolve()
  const loading = new Map<string, Promise<boolean>>()
  const told = new Map<string, string>()

  async function readRows(): Promise<void> {
    const version = await readSnapshotVersion(db)
    await profiles.refresh()
    const rows = await listIssuers<IssuerCeilings>(db)
    const certificates = Map.groupBy(await listIssuerCertificates(db), ({ issuerId }) => issuerId)
    const ofRetired = await listRetiredIssuersCertificates(db, { changedAfter: loadedVersion })
    issuers = new Map(rows.map((row) => [row.id, row]))
    for (const { issuerId } of registry.list()) if (!issuers.has(issuerId)) forget(issuerId)
    for (const row of rows) register(row, certificates.get(row.id) ?? [])
    registry.keep(readable(ofRetired))
    loadedVersion = version
  }

  /** Its generations stay in the registry: what they issued can still be downloaded with its chain. */
  function forget(issuerId: string): void {
    registry.remove(issuerId)
    told.delete(issuerId)
  }

  /** A key that is here stays here: whether it may sign is for the row to say. */
  function register(row: StoredIssuer<IssuerCeilings>, certificates: readonly IssuerCertificateView[]): void {
    const { id: issuerId, namespace, ceilings, suspended, signingCertificateId } = row
    const held = new Map(registry.find(issuerId)?.generations.map((one) => [one.issuerCertificateId, one]))
    const known = certificates.flatMap(({ id }) => held.get(id) ?? [])
    const generations = [...known, ...readable(certificates.filter(({ id }) => !held.has(id)))].toSorted(
      (a, b) => a.generation - b.generation,
    )
    const current = signingCertificateId ?? generations.at(-1)?.issuerCertificateId
    registry.put({
      issuerId,
      namespace,
      publicId: publicId(deps.ownNamespace, row),
      ...(ceilings && { ceilings }),
      generations,
      ...(current !== undefined && { current }),
      ...(signingCertificateId !== null && !suspended && { signing: signingCertificateId }),
    })
  }

  /** One row that can't be read must not keep a replica from serving all the others. */
  function readable(rows: readonly IssuerCertificateView[]): RegisteredGeneration[] {
    return rows.flatMap((row) => {
      try {
        return [generationOf(row)]
      } catch (err) {
        if (!(err instanceof CaError)) throw err
        const { issuerNamespace, issuerName, generation } = row
        tell(
          row.id,
          { object: `Issuer ${issuerNamespace}/${issuerName}`, generation, err },
          'its certificate is unreadable',
        )
        return []
      }
    })
  }

  function missing(): StoredIssuer[] {
    return [...issuers.values()].filter(({ id, signingCertificateId }) => {
      if (signingCertificateId === null) return false
      const generations = registry.find(id)?.generations
      const signing = generations?.find(({ issuerCertificateId }) => issuerCertificateId === signingCertificateId)
      return signing?.ca === undefined
    })
  }

  function load(row: StoredIssuer): Promise<boolean> {
    const underWay = loading.get(row.id)
    if (underWay !== undefined) return underWay
    const started = loadKey(row).finally(() => loading.delete(row.id))
    loading.set(row.id, started)
    return started
  }

  async function loadKey({ id, namespace, name, keySecret }: StoredIssuer): Promise<boolean> {
    const object = `Issuer ${namespace}/${name}`
    if (keySecret === null) return tell(id, { object }, 'its row names no Secret')
    const outcome = await readSecretKey(deps.secrets, { namespace, name: keySecret })
    if (!outcome.ok) return tell(id, { object, err: outcome.err }, outcome.reason)
    addKey(id, outcome.key)
    // The row may have changed while its Secret was read.
    if (missing().some((issuer) => issuer.id === id)) {
      return tell(id, { object }, `the key in Secret ${namespace}/${keySecret} does not belong to the CA certificate`)
    }
    if (told.delete(id)) log.info({ object }, 'the CA key is here now')
    return true
  }

  function addKey(issuerId: string, key: KeyObject): void {
    const issuer = registry.find(issuerId)
    if (issuer === undefined) return
    registry.put({ ...issuer, generations: issuer.generations.map((generation) => withKey(generation, key)) })
  }

  /** Each cause is told once, however often it is met. */
  function tell(id: string, fields: object, reason: string): false {
    if (told.get(id) !== reason) log.warn({ ...fields, reason }, 'this replica can not sign for an issuer')
    told.set(id, reason)
    return false
  }

  function refreshRows(): Promise<void> {
    const next = lastReading.then(readRows)
    lastReading = next.catch(() => undefined)
    return next
  }

  async function loadMissingKeys(): Promise<boolean> {
    const all = missing()
    let hasLoaded = false
    for (let begin = 0; begin < all.length; begin += keysAtOnce) {
      const loaded = await Promise.all(all.slice(begin, begin + keysAtOnce).map(load))
      hasLoaded ||= loaded.includes(true)
    }
    return hasLoaded
  }

  return {
    get loadedVersion() {
      return loadedVersion
    },
    get missingIssuers() {
      return missing().map(({ id }) => id)
    },
    async refresh() {
      await refreshRows()
      await loadMissingKeys()
    },
    refreshRows,
    loadMissingKeys,
  }
}
