import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beat } from '../store/replicas.ts'
import { cloneDatabase } from '../store/testing/database.ts'
import { foreignLeader } from './foreign-leader.ts'
import { createKubernetesClient } from './kubernetes/client.ts'
import { leases } from './kubernetes/resources.ts'
import { systemTimers } from './kubernetes/timers.ts'
import { startApiServer } from './testing/api-server.ts'

test('a leader is foreign while none of the replicas of this database has its name', async (t) => {
  const database = await cloneDatabase()
  t.after(() => database.close())
  const { db } = database
  const api = await startApiServer(t)
  const client = createKubernetesClient({ credentials: api.credentials(), timers: systemTimers, userAgent: 'test' })
  t.after(() => client.close())
  const lease = { namespace: 'certctl', name: 'certctl-operator' }
  const look = (): Promise<string | undefined> => foreignLeader({ db, client, lease, identity: 'me' })
  const hold = (holderIdentity: string): void => {
    api.write(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: lease,
      spec: { holderIdentity },
    })
  }

  assert.equal(await look(), undefined, 'nobody holds it')
  for (const released of ['', 'me']) {
    hold(released)
    assert.equal(await look(), undefined)
  }
  hold('other')
  assert.equal(await look(), 'other')
  await beat(db, { id: 'other', version: 0, missingIssuers: [] })
  assert.equal(await look(), undefined, 'it shares the database')
})
