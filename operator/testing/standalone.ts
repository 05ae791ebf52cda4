import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { parse } from 'yaml'
import { createProfiles } from '../../acme/profiles.ts'
import type { Profiles } from '../../acme/profiles.ts'
import type { Db } from '../../store/database.ts'
import { openTestDatabase } from '../../store/testing/database.ts'
import type { DatabaseKind } from '../../store/testing/database.ts'
import { createCaKeys } from '../ca-keys.ts'
import { createStandaloneController } from '../controllers/standalone.ts'
import type { Pass } from '../controllers/standalone.ts'
import { createStatuses } from '../controllers/statuses.ts'
import { createIssuerRegistry } from '../issuer-registry.ts'
import type { IssuerRegistry } from '../issuer-registry.ts'
import { createLog } from '../log.ts'

/** A folder that is gone when the test ends. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'certctl-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A clock that a test sets. */
export interface TestClock {
  time: Date
  now(): Date
}

export function testClock(time: string): TestClock {
  return {
    time: new Date(time),
    now() {
      return new Date(this.time)
    },
  }
}

interface ShownStatus {
  readonly conditions: readonly { type: string; status: string; reason: string; message: string }[]
  readonly ca?: { readonly generation: number; readonly sha256Fingerprint: string }
}

/** A controller over a folder of manifests and a database of its own. */
export interface StandaloneHarness {
  readonly db: Db
  readonly profiles: Profiles
  readonly clock: TestClock
  readonly log: readonly Readonly<Record<string, unknown>>[]
  registry: IssuerRegistry
  /** Writes a manifest, or takes it away. */
  write(file: string, text: string | undefined): Promise<void>
  reconcile(): Promise<Pass>
  /** What a new process over the same folders and database would see. */
  restart(): void
  status(file: string): Promise<ShownStatus>
  /** `True Ready` or `False InvalidSpec`, of the condition Ready. */
  ready(file: string): Promise<string>
  readonly dataFolder: string
}

export async function standaloneHarness(t: TestContext, kind: DatabaseKind = 'postgres'): Promise<StandaloneHarness> {
  const database = await openTestDatabase(kind)
  t.after(() => database.close())
  const [manifestsFolder, dataFolder] = [await temporaryFolder(t), await temporaryFolder(t)]
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  })
  const clock = testClock('2026-06-01T00:00:00Z')
  const profiles = createProfiles(database.db)
  const start = (): { registry: IssuerRegistry; reconcile: () => Promise<Pass> } => {
    const registry = createIssuerRegistry('http://pki.example')
    const controller = createStandaloneController({
      db: database.db,
      clock,
      log,
      profiles,
      registry,
      manifestsFolder,
      keys: createCaKeys(join(dataFolder, 'keys')),
      statuses: createStatuses({ folder: join(dataFolder, 'status'), clock, log }),
      metrics: { reconcile: () => {} },
      caps: {},
      ownNamespace: 'certctl',
      defaults: { orderLifetimeSeconds: 86_400, authorizationLifetimeSeconds: 86_400, meta: {} },
      directoryUrl: (id) => `https://ca.example/acme/profile/${id}/directory`,
    })
    return { registry, reconcile: () => controller.reconcile() }
  }
  let running = start()
  const status = async (file: string): Promise<ShownStatus> => {
    const content: unknown = parse(await readFile(join(dataFolder, 'status', file), 'utf8'))
    return (content as { status: ShownStatus }).status
  }
  return {
    db: database.db,
    profiles,
    clock,
    log: lines,
    dataFolder,
    get registry() {
      return running.registry
    },
    async write(file, text) {
      const path = join(manifestsFolder, file)
      await (text === undefined ? rm(path) : writeFile(path, text))
    },
    reconcile: () => running.reconcile(),
    restart: () => void (running = start()),
    status,
    async ready(file) {
      const condition = (await status(file)).conditions.find(({ type }) => type === 'Ready')
      return `${condition?.status} ${condition?.reason}`
    },
  }
}
