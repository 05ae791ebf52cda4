import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { sql } from 'kysely'
import type { Db } from './database.ts'
import { upsertIssuer } from './issuers.ts'
import { listenForSnapshots, type ListenerLog, type SnapshotListener } from './notifications.ts'
import { anIssuer } from './testing/builders.ts'
import { cloneDatabase } from './testing/database.ts'

interface Listening {
  readonly db: Db
  readonly listener: SnapshotListener
  readonly warnings: readonly string[]
  readonly calls: () => number
  /** Runs `work` and waits for the next call. */
  readonly heard: (work: () => Promise<unknown>) => Promise<void>
  readonly declare: (name: string) => Promise<unknown>
}

async function listening(t: TestContext): Promise<Listening> {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db, url = '' } = database
  const events = new EventEmitter()
  const warnings: string[] = []
  let calls = 0
  const heard = async (work: () => Promise<unknown>): Promise<void> => {
    const heardNext = once(events, 'change')
    await work()
    await heardNext
  }
  const onChange = (): void => {
    calls += 1
    events.emit('change')
  }
  const log: ListenerLog = { info: () => undefined, warn: (_fields, message) => void warnings.push(message) }
  const connected = once(events, 'change')
  const listener = listenForSnapshots({ url, onChange, log })
  t.after(() => listener.stop())
  await connected
  return {
    db,
    listener,
    warnings,
    heard,
    calls: () => calls,
    declare: (name) => db.transaction().execute((trx) => upsertIssuer(trx, anIssuer(name))),
  }
}

test('a listener hears of a change that is committed, and of nothing else', async (t) => {
  const { db, declare, heard, calls } = await listening(t)
  await heard(() => declare('a'))
  const before = calls()
  await declare('a')
  const undone = db.transaction().execute(async (trx) => {
    await upsertIssuer(trx, anIssuer('b'))
    throw new Error('undone')
  })
  await assert.rejects(undone, /undone/)
  await heard(() => declare('c'))
  assert.equal(calls() - before, 1)
})

test('a listener whose connection is ended comes back, says so, and hears again', async (t) => {
  const { db, declare, heard, warnings } = await listening(t)
  for (let times = 1; times <= 2; times += 1) {
    await heard(() => sql`select pg_terminate_backend(pid) from pg_stat_activity where ${listeners}`.execute(db))
    assert.equal(warnings.length, times)
    await heard(() => declare(`after-${times}`))
  }
})

test('one that is stopped leaves no connection behind', async (t) => {
  const { db, listener, declare, calls } = await listening(t)
  await listener.stop()
  const before = calls()
  let left = 1
  while (left > 0) {
    const { rows } = await sql<{ count: number }>`
      select count(*) from pg_stat_activity where ${listeners}`.execute(db)
    left = rows[0]?.count ?? 0
  }
  await declare('unheard')
  assert.equal(calls(), before)
  await listener.stop()
})

test('one that finds no server goes on trying until it is stopped', async () => {
  const events = new EventEmitter()
  const log: ListenerLog = { info: unexpected, warn: (fields) => void events.emit('warn', fields) }
  const warned = once(events, 'warn')
  const listener = listenForSnapshots({ url: 'postgres://nobody@127.0.0.1:1/nothing', onChange: unexpected, log })
  const first: unknown[] = await warned
  const second: unknown[] = await once(events, 'warn')
  assert.partialDeepStrictEqual([...first, ...second], [{ delaySeconds: 0.2 }, { delaySeconds: 0.4 }])
  await listener.stop()
})

test('one that is stopped while it connects stops at once', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const log: ListenerLog = { info: unexpected, warn: unexpected }
  await listenForSnapshots({ url: database.url ?? '', onChange: unexpected, log }).stop()
})

const listeners = sql<boolean>`datname = current_database() and application_name = 'certctl-listener'`

function unexpected(): never {
  assert.fail('there is nothing to tell')
}
