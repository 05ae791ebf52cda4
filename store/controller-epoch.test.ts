import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { insertAudit } from './audit.ts'
import { beginEpoch, requireEpoch, StaleEpoch } from './controller-epoch.ts'
import type { Db, Trx } from './database.ts'
import { cloneDatabase, openTestDatabase } from './testing/database.ts'
import { gate, untilBlocked } from './testing/locks.ts'

const write = (trx: Trx, resourceId: string) =>
  insertAudit(trx, { actor: 'controller', action: 'test', resourceType: 'test', resourceId })

async function written(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('audit_events').select('resource_id').orderBy('id').execute()
  return rows.map(({ resource_id: id }) => id)
}

for (const kind of ['postgres', 'pglite'] as const) {
  test(`on ${kind} epochs are counted from 1, and only the last one may write`, async (t) => {
    const database = await openTestDatabase(kind)
    t.after(() => database.close())
    const { db } = database
    const writeIn = (epoch: number) =>
      db.transaction().execute(async (trx) => {
        await write(trx, `epoch-${epoch}`)
        await requireEpoch(trx, epoch)
      })
    await assert.rejects(writeIn(0), StaleEpoch, 'before any epoch')

    assert.equal(await beginEpoch(db, 'replica-1'), 1)
    await writeIn(1)
    assert.equal(await beginEpoch(db, 'replica-2'), 2)
    await assert.rejects(writeIn(1), { name: 'StaleEpoch', epoch: 1 })
    await assert.rejects(writeIn(3), StaleEpoch)
    await writeIn(2)
    assert.deepEqual(await written(db), ['epoch-1', 'epoch-2'])

    const { holder, began_at: beganAt } = await db.selectFrom('controller_epoch').selectAll().executeTakeFirstOrThrow()
    assert.equal(holder, 'replica-2')
    assert.ok(beganAt instanceof Date)
  })
}

suite('of two controllers at once', () => {
  let database: Awaited<ReturnType<typeof cloneDatabase>> | undefined
  after(() => database?.close())

  async function anEpoch(): Promise<{ db: Db; epoch: number }> {
    database ??= await cloneDatabase()
    return { db: database.db, epoch: await beginEpoch(database.db, 'replica-1') }
  }

  test('the new one begins only when what the old one was writing is there', async () => {
    const { db, epoch } = await anEpoch()
    const [fenced, commit] = [gate(), gate()]
    const old = db.transaction().execute(async (trx) => {
      await requireEpoch(trx, epoch)
      await write(trx, 'in time')
      fenced.open()
      await commit.opened
    })
    await fenced.opened
    const seenAtBegin = beginEpoch(db, 'replica-2').then(() => written(db))
    await untilBlocked(db)
    commit.open()
    await old
    assert.ok((await seenAtBegin).includes('in time'))
  })

  test('the old one waits for a beginning epoch and then writes nothing', async () => {
    const { db, epoch } = await anEpoch()
    const [begun, commit] = [gate(), gate()]
    const beginning = db.transaction().execute(async (trx) => {
      assert.equal(await beginEpoch(trx, 'replica-2'), epoch + 1)
      begun.open()
      await commit.opened
    })
    await begun.opened
    const late = db.transaction().execute(async (trx) => {
      await write(trx, 'too late')
      await requireEpoch(trx, epoch)
    })
    const refused = assert.rejects(late, StaleEpoch)
    await untilBlocked(db)
    commit.open()
    await Promise.all([beginning, refused])
    assert.ok(!(await written(db)).includes('too late'))
  })

  test('a transaction of the old one that paused before the fence is refused after it', async () => {
    const { db, epoch } = await anEpoch()
    const paused = db.transaction().execute(async (trx) => {
      await write(trx, 'paused')
      await beginEpoch(db, 'replica-2')
      await requireEpoch(trx, epoch)
    })
    await assert.rejects(paused, StaleEpoch)
    assert.ok(!(await written(db)).includes('paused'))
  })

  test('one that pauses behind the fence does not keep it for long', async (t) => {
    const single = await cloneDatabase({ poolSize: 1 })
    t.after(() => single.close())
    const epoch = await beginEpoch(single.db, 'replica-1')
    const limit = (db: Db) =>
      sql<{ value: string }>`select current_setting('idle_in_transaction_session_timeout') as value`
        .execute(db)
        .then(({ rows }) => rows[0]?.value)
    const usual = await limit(single.db)
    await single.db.transaction().execute(async (trx) => {
      await requireEpoch(trx, epoch)
      assert.equal(await limit(trx), '5s')
    })
    assert.equal(await limit(single.db), usual)
  })

  test('no write of an epoch follows one of a later epoch', async (t) => {
    const own = await cloneDatabase()
    t.after(() => own.close())
    const { db } = own
    /** Leads until somebody else does. */
    const lead = async (holder: string): Promise<void> => {
      const epoch = await beginEpoch(db, holder)
      for (;;) {
        const leads = await db
          .transaction()
          .execute(async (trx) => {
            await requireEpoch(trx, epoch)
            await write(trx, String(epoch))
            return true
          })
          .catch((error: unknown) => {
            assert.ok(error instanceof StaleEpoch)
            return false
          })
        if (!leads || epoch === 20) return
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, index) => lead(`replica-${index}`)))
    const epochs = (await written(db)).map(Number)
    assert.deepEqual(
      epochs,
      epochs.toSorted((a, b) => a - b),
    )
    assert.equal(epochs.at(-1), 20)
  })
})
