import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { verifyChain } from '../harness/openssl.ts'
import { auditLeases, auditReceipts, auditTables } from './audit.ts'
import type { ChallengeSite } from './challenge-site.ts'
import { Customer, type Receipt } from './customer.ts'
import { Fleet } from './fleet.ts'
import { Journal } from './journal.ts'
import type { Label } from './labels.ts'
import type { Mode } from './manifests.ts'
import type { Random } from './random.ts'
import type { Replica } from './replica.ts'
import type { Tally } from './tally.ts'
import { Violation } from './violation.ts'

export interface WorldParts {
  readonly name: string
  readonly databaseUrl: string
  readonly site: ChallengeSite
  readonly folder: string
  readonly manifestsDir: string
  readonly random: Random
  readonly tally: Tally
}

const quietLimitMilliseconds = 10_000

/** A database, the replicas on it and their clients. */
export class World {
  readonly name: string
  readonly fleet: Fleet
  readonly random: Random
  readonly tally: Tally
  readonly #parts: WorldParts
  readonly #db: pg.Pool
  readonly #receipts: Receipt[] = []
  #journal: Journal | undefined

  constructor(parts: WorldParts) {
    this.name = parts.name
    this.random = parts.random
    this.tally = parts.tally
    this.#parts = parts
    this.#db = new pg.Pool({ connectionString: parts.databaseUrl, max: 3 })
    // Connections die with the database when a test wants that; the next query opens another.
    this.#db.on('error', () => undefined)
    this.fleet = new Fleet(parts.name, {
      databaseUrl: parts.databaseUrl,
      manifestsDir: parts.manifestsDir,
      dataDir: join(parts.folder, parts.name),
      logDir: join(parts.folder, 'logs'),
      compileCacheDir: join(parts.folder, 'compiled'),
      validationHttpPort: parts.site.httpPort,
    })
  }

  /** Makes schema, keys and certificates by a first process, which stops in peace, and begins the journal. */
  async prepare(): Promise<void> {
    const first = await this.fleet.start({ fate: 'preparation' })
    this.#journal = await Journal.begin(this.#db)
    await first.stop()
    const { rows } = await this.#db.query<{ root_pem: string }>('select root_pem from issuer_certificates')
    await writeFile(this.#rootFile, rows.map(({ root_pem }) => root_pem).join('\n'))
  }

  get #rootFile(): string {
    return join(this.#parts.folder, this.name, 'root.pem')
  }

  get journal(): Journal {
    if (this.#journal === undefined) throw new Error('the world is not prepared')
    return this.#journal
  }

  /** Accounts of these modes, one each. */
  async customers(modes: readonly Mode[]): Promise<Customer[]> {
    const { fleet } = this
    const { site } = this.#parts
    return Promise.all(
      modes.map((mode, index) =>
        Customer.register(mode, { fleet, site, random: this.random.fork(`customer ${index}`) }),
      ),
    )
  }

  /** Counts a process that died at its label, and checks that it did die there. */
  async countDeath(replica: Replica, label: Label): Promise<void> {
    this.tally.kill(replica.fate)
    if (await this.journal.showsDeathAt(label, replica.pid)) return
    throw new Violation(`the death at ${label} has left nothing that ${label} stands for`, { replicas: [replica] })
  }

  /** Holds the receipts against the tables and keeps them for the end, when they must still be true. */
  async audit(receipts: readonly Receipt[]): Promise<void> {
    await auditReceipts(this.#db, receipts)
    for (const { trouble } of receipts) if (trouble) this.tally.recovery(trouble.fate, trouble.recoverySeconds)
    this.#receipts.push(...receipts)
  }

  /** Whether OpenSSL accepts what a client got. */
  async verify({ chainPem, names }: Receipt): Promise<void> {
    await verifyChain(chainPem, names, this.#rootFile)
  }

  /** Waits until nobody owns any work; clients must be satisfied already. */
  async settle(): Promise<void> {
    const deadline = performance.now() + quietLimitMilliseconds
    for (;;) {
      try {
        return await auditLeases(this.#db)
      } catch (error) {
        if (performance.now() > deadline) throw error
        await sleep(200)
      }
    }
  }

  /** The last judgement: every table, the whole journal, and everything that any client was ever told. */
  async auditAll(): Promise<number> {
    await this.settle()
    await auditTables(this.#db)
    await auditReceipts(this.#db, this.#receipts)
    for (const owner of await this.journal.losers()) {
      this.tally.takeover(this.fleet.fateOfOwner(owner) ?? 'unknown owner')
    }
    return this.#receipts.length
  }

  /** Copies every table into files, for whoever has to find out what happened. */
  async dump(): Promise<void> {
    const folder = join(this.#parts.folder, 'tables', this.name)
    await mkdir(folder, { recursive: true })
    const { rows: tables } = await this.#db.query<{ name: string }>(
      `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('public', 'crash_test')`,
    )
    for (const { name } of tables) {
      const { rows } = await this.#db.query<{ row: string }>(`select to_jsonb(t)::text as row from ${name} t`)
      await writeFile(join(folder, `${name}.jsonl`), rows.map(({ row }) => `${row}\n`).join(''))
    }
  }

  async close(): Promise<void> {
    await this.fleet.end()
    await this.#db.end()
  }
}
