import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { beginChallenge, completeChallenge } from '../challenges.ts'
import { type Db, openDatabase } from '../database.ts'
import { beginIssuance, completeIssuance } from '../issuance.ts'
import { migrateToLatest } from '../migrate.ts'
import { ensureEpoch } from '../nonce-epoch.ts'
import { createOrder } from '../orders.ts'
import { chargeBuckets } from '../rate-limits.ts'
import { spendNonce, type TargetKind } from '../request.ts'
import { anIntent, anOrder, aWorld, type World } from './builders.ts'
import { startPostgres } from './postgres.ts'

/*
 * node store/testing/measure-issuance.ts [issuances]: what one http-01 issuance for one name costs the database, as
 * the eight signed requests of a typical client, on a server with durable settings.
 */

const issuances = Number(process.argv[2] ?? 1_000)
const server = await startPostgres(['fsync=on', 'synchronous_commit=on', 'full_page_writes=on', 'max_wal_size=8GB'])
const database = await openDatabase({ url: server.url('postgres'), poolSize: 1 })
const { db } = database
await migrateToLatest(db)
const world = await aWorld(db)
const epoch = await ensureEpoch(db)
const backend = (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)).rows[0]!.pid

interface Cost {
  calls: number
  roundTrips: number
  milliseconds: number
}
const costs = new Map<string, Cost>()

async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = { trips: database.queryCount(), at: performance.now() }
  const result = await work()
  const cost = costs.get(name) ?? { calls: 0, roundTrips: 0, milliseconds: 0 }
  cost.calls += 1
  cost.roundTrips += database.queryCount() - before.trips
  cost.milliseconds += performance.now() - before.at
  costs.set(name, cost)
  return result
}

function spend<Kind extends TargetKind>(target?: { kind: Kind; id: string }) {
  const nonce = { nonce: randomBytes(16), issuedAt: new Date(), epoch, ttlSeconds: 300, accountId: world.accountId }
  return measured(`spendNonce ${target?.kind ?? ''}`, () =>
    spendNonce(db, target === undefined ? nonce : { ...nonce, target }),
  )
}

function charge(action: string) {
  const bucket = { key: `${action}:${world.accountId}`, emissionIntervalMs: 1, burst: 1_000_000, cost: 1 }
  return measured('chargeBuckets', () => chargeBuckets(db, [bucket]))
}

/** The requests of one client in their order. */
async function issueOnce(within: World): Promise<void> {
  const order = { ...anOrder(within), pendingLimit: 1_000_000 }
  const authorization = order.authorizations[0]!
  const challenge = authorization.challenges[0]!
  const { intent, certificate } = await anIntent(within, order)

  await spend()
  await charge('newOrders')
  await measured('createOrder', () => createOrder(db, order))
  await spend({ kind: 'authorization', id: authorization.id })
  await spend({ kind: 'challenge', id: challenge.id })
  await charge('challengeResponses')
  await measured('beginChallenge', () => beginChallenge(db, { id: challenge.id, owner: 'replica-1', leaseSeconds: 60 }))
  await measured('completeChallenge', () =>
    completeChallenge(db, { id: challenge.id, owner: 'replica-1', outcome: { status: 'valid' } }),
  )
  await spend({ kind: 'authorization', id: authorization.id })
  await spend({ kind: 'order', id: order.id })
  await spend({ kind: 'order', id: order.id })
  await measured('beginIssuance', () => beginIssuance(db, intent))
  await measured('completeIssuance', () =>
    completeIssuance(db, { orderId: order.id, owner: intent.owner, certificate, actor: order.actor }),
  )
  await spend({ kind: 'order', id: order.id })
  await spend({ kind: 'certificate', id: certificate.id })
}

async function walPosition(of: Db): Promise<number> {
  const { rows } = await sql<{ bytes: string }>`select pg_current_wal_insert_lsn() - '0/0' as bytes`.execute(of)
  return Number(rows[0]?.bytes)
}

/** What the backend has run on a processor. */
async function backendCpuMs(): Promise<number> {
  const [nanoseconds] = (await readFile(`/proc/${backend}/schedstat`, 'utf8')).split(' ')
  return Number(nanoseconds) / 1e6
}

async function tableSizes(): Promise<Map<string, { heap: number; indexes: number; rows: number }>> {
  const { rows } = await sql<{ name: string; heap: number; indexes: number; rows: number }>`
    select relname as name, pg_table_size(oid) as heap, pg_indexes_size(oid) as indexes,
        (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I', relname), false, true, '')))[1]
          ::text::integer as rows
      from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`.execute(db)
  return new Map(rows.map(({ name, ...sizes }) => [name, sizes]))
}

for (let count = 0; count < 100; count += 1) await issueOnce(world)
costs.clear()
await sql`checkpoint`.execute(db)
const sizesBefore = await tableSizes()
const [walBefore, cpuBefore, startedAt] = [await walPosition(db), await backendCpuMs(), performance.now()]
for (let count = 0; count < issuances; count += 1) await issueOnce(world)
const elapsed = performance.now() - startedAt
const [walAfter, cpuAfter] = [await walPosition(db), await backendCpuMs()]
const sizesAfter = await tableSizes()

console.log(`${issuances} issuances, one after the other; for each:`)
console.log(`  WAL ${Math.round((walAfter - walBefore) / issuances)} bytes, full page images included`)
console.log(
  `  backend CPU ${((cpuAfter - cpuBefore) / issuances).toFixed(2)} ms of ${(elapsed / issuances).toFixed(2)} ms`,
)
console.table(
  Object.fromEntries(
    [...sizesAfter]
      .map(([name, after]) => {
        const before = sizesBefore.get(name) ?? { heap: 0, indexes: 0, rows: 0 }
        const each = (value: number) => Math.round((value / issuances) * 10) / 10
        return [
          name,
          {
            rows: each(after.rows - before.rows),
            'heap bytes': each(after.heap - before.heap),
            'index bytes': each(after.indexes - before.indexes),
          },
        ] as const
      })
      .filter(([, { rows }]) => rows > 0),
  ),
)

// One call after the other of the same kind, to tell whose the backend's time and the log are.
const functions = new Map<string, { perIssuance: number; roundTrips: number; 'latency ms': number }>()
for (const [name, { calls, roundTrips, milliseconds }] of costs) {
  functions.set(name, {
    perIssuance: calls / issuances,
    roundTrips: roundTrips / calls,
    'latency ms': Math.round((milliseconds / calls) * 100) / 100,
  })
}
console.table(Object.fromEntries(functions))
await database.close()
await server.stop()
