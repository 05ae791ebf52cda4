import { openDatabase } from '../database.ts'
import { type Bucket, chargeBuckets } from '../rate-limits.ts'

/*
 * One of several limiters that share a database: for each message it charges the buckets that many times at once and
 * answers how many charges passed.
 */

const database = await openDatabase({ url: process.argv[2] ?? '', poolSize: 10 })
await database.db.selectFrom('rate_limit_buckets').select('key').execute()

process.on('message', (message: { buckets: Bucket[]; calls: number }) => void answer(message))
process.on('disconnect', () => void database.close())
process.send?.('ready')

async function answer({ buckets, calls }: { buckets: Bucket[]; calls: number }): Promise<void> {
  const results = await Promise.all(Array.from({ length: calls }, () => chargeBuckets(database.db, buckets)))
  process.send?.(results.filter(({ allowed }) => allowed).length)
}
