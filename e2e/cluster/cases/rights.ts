import assert from 'node:assert/strict'
import { auditEvents, type AuditEvent } from '../audit.ts'
import type { ClusterCase } from '../cases.ts'
import { zone } from '../stage.ts'
import { userOf } from '../installation.ts'
import { verifyUpTo, publishedRoot } from '../issued.ts'
import { profiles } from '../kinds.ts'
import { createProfile, selfSignedIssuer, trustProfile } from '../objects.ts'
import { order, registerAccount } from '../plain-acme.ts'
import { until } from '../wait.ts'

const quietSeconds = 12

const isOperator = (username: string): boolean => /^system:serviceaccount:[^:]+:certctl$/.test(username)

/** The operator under exactly the rights that rbac/ gives it. */
export const rightsCases: readonly ClusterCase[] = [
  {
    name: 'an operator with rights in its own namespace alone serves a profile there',
    on: 'small',
    async run({ cluster }) {
      await using small = await cluster.install({ namespace: 'small', rights: 'namespaced' })
      const [replica] = await small.startReady(1)
      const where = { kind: profiles, name: 'small', namespace: 'small' }
      const issuer = { name: 'small', namespace: 'small' }
      const profile = await createProfile(cluster, selfSignedIssuer(issuer), trustProfile(where, 'small'))
      await small.endpoints(1)
      const client = await registerAccount(profile.status?.acme?.directoryURL ?? '', await small.trustedCa())
      const names = [`small.${zone}`]
      await verifyUpTo(await publishedRoot(cluster, issuer), await order(client, names), names)
      client.close()
      await replica?.stop()
      const events = await auditEvents(cluster.plane.auditFile, (username) => username === userOf('small'))
      assert.ok(events.length > 10, `${events.length} requests of the operator were recorded`)
      const places = events.flatMap(({ objectRef }) => (objectRef === undefined ? [] : [objectRef.namespace ?? 'all']))
      assert.deepEqual([...new Set(places)], ['small'])
    },
  },
  {
    name: 'its rights let nobody list Secrets, or touch what is not its own',
    async run({ cluster }) {
      const main = await cluster.main()
      const may = async (...words: string[]): Promise<boolean> => {
        const { output } = await cluster.kubectl.try(['auth', 'can-i', ...words, '--as', userOf(main.namespace)])
        return output.includes('yes')
      }
      assert.ok(await may('get', 'secrets', '-n', 'default'), 'what it may do is not seen')
      for (const forbidden of [
        ['list', 'secrets', '-n', 'certctl'],
        ['watch', 'secrets', '-A'],
        ['delete', 'secrets', '-n', 'certctl'],
        ['update', 'secrets', '-n', 'default'],
        ['create', 'pods', '-n', 'certctl'],
        ['update', 'issuers.certctl.io', '-n', 'certctl'],
        ['delete', 'certificateprofiles.certctl.io', '-n', 'certctl'],
        ['update', 'leases', '-n', 'kube-system'],
        ['create', 'clusterroles'],
      ]) {
        assert.equal(await may(...forbidden), false, forbidden.join(' '))
      }
    },
  },
  {
    name: 'nothing is written while nothing changes, but the Lease',
    alone: true,
    async run({ cluster, note, signal }) {
      const main = await cluster.main()
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'quiet', namespace: main.namespace }),
        trustProfile({ name: 'quiet', namespace: main.namespace }, 'quiet'),
      )
      const what = `${quietSeconds} s without a write of the operator`
      await until({ what, seconds: 50, signal, pollMilliseconds: 1000 }, async () => {
        const events = await auditEvents(cluster.plane.auditFile, (username) => username === userOf(main.namespace))
        const since = Date.now() - quietSeconds * 1000
        const writes = events.filter((event) => isWrite(event) && Date.parse(event.stageTimestamp) > since)
        if (writes.length === 0) return true
        throw new Error(writes.map(sentence).join('\n'))
      })
      note(`${quietSeconds} s`)
    },
  },
  {
    name: 'the API server has refused the operator nothing, and no process of it met an error that nothing handled',
    alone: true,
    async run({ stage, note }) {
      const clusters = await stage.started()
      let requests = 0
      for (const { plane } of clusters) {
        const events = await auditEvents(plane.auditFile, isOperator)
        // An API server that starts listens before it has read who may do what.
        const refused = events.filter(
          ({ responseStatus, stageTimestamp }) =>
            responseStatus?.code === 403 && !plane.wasStarting(Date.parse(stageTimestamp)),
        )
        assert.deepEqual(refused.map(sentence), [])
        requests += events.length
      }
      note(`${requests} requests`)
      for (const replica of clusters.flatMap(({ installations }) => installations).flatMap(({ running }) => running)) {
        const rejections = await replica.metric('certctl_unhandled_rejections_total')
        assert.deepEqual([...rejections.values()], [0], replica.name)
      }
    },
  },
]

/** Whether it changed something other than the Lease, which is renewed as long as the operator lives. */
function isWrite({ verb, objectRef }: AuditEvent): boolean {
  return !['get', 'list', 'watch'].includes(verb) && objectRef?.resource !== 'leases'
}

function sentence({ user, verb, requestURI, responseStatus, stageTimestamp }: AuditEvent): string {
  return `${stageTimestamp} ${user.username}: ${verb} ${requestURI}: ${responseStatus?.code}`
}
