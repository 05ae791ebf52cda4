import assert from 'node:assert/strict'
import { leases } from '../../cluster/kinds.ts'
import { until } from '../../cluster/wait.ts'
import type { InstallCase } from '../cases.ts'
import { nodes, statefulSets, type RunningPod } from '../kinds.ts'
import { Load } from '../load.ts'
import { mainReplicas } from '../main-release.ts'
import type { Release } from '../release.ts'
import { noteLoad } from '../tell.ts'

/** How long /health is watched while there is no database: longer than the liveness probe needs to end a container. */
const outageSeconds = 75

export const disturbanceCases: readonly InstallCase[] = [
  {
    name: 'when the pod that leads is killed, another leads, and every certificate is issued',
    seconds: 200,
    async run({ release: installed, note }) {
      const release = await installed()
      const pods = await release.settled(mainReplicas)
      const leader = await leaderOf(release, pods)
      const report = await Load.during(await release.target(), async () => {
        const now = ['--grace-period=0', '--force']
        await release.ground.kubectl.run(['delete', 'pod', leader.metadata.name, '-n', release.namespace, ...now])
        const after = await release.settled(mainReplicas)
        const next = await leaderOf(release, after)
        assert.notEqual(next.metadata.uid, leader.metadata.uid)
      })
      noteLoad(note, report)
      assert.deepEqual([report.failed, report.disturbances.filter(isNoBreak)], [[], []])
    },
  },
  {
    name: 'when the process that leads is killed, it is started again, and every certificate is issued',
    seconds: 200,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      const pods = await release.settled(mainReplicas)
      const leader = await leaderOf(release, pods)
      const report = await Load.during(await release.target(), async () => {
        await ground.killProcess(leader.metadata.uid ?? '')
        await until({ what: 'the container to be started again', seconds: 60 }, async () => {
          const after = await release.settled(mainReplicas)
          const restarted = after.find(({ metadata }) => metadata.uid === leader.metadata.uid)
          return restarted !== undefined && restartsOf([restarted])[0] === 1 ? true : undefined
        })
        await leaderOf(release, await release.pods())
      })
      noteLoad(note, report)
      assert.deepEqual([report.failed, report.disturbances.filter(isNoBreak)], [[], []])
    },
  },
  {
    name: 'draining the node waits for the disruption budget, and disturbs no issuance',
    seconds: 240,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      const before = await release.settled(mainReplicas)
      const selector = `app.kubernetes.io/instance=${release.name},app.kubernetes.io/component=server`
      const report = await Load.during(await release.target(), async () => {
        const flags = ['--pod-selector', selector, '--delete-emptydir-data', '--timeout=55s']
        const drained = ground.kubectl.try(['drain', ground.nodeName, ...flags])
        try {
          // There is nowhere to go: the first pod leaves, and the budget keeps the other.
          await until({ what: 'one pod to be left', seconds: 40 }, async () => {
            const left = (await release.pods()).filter(({ spec }) => spec.nodeName === ground.nodeName)
            return left.length === 1 && left[0]?.metadata.deletionTimestamp === undefined ? true : undefined
          })
          const refused = await until({ what: 'an eviction to be refused', seconds: 5 }, async () => {
            const [last] = (await release.pods()).filter(({ spec }) => spec.nodeName === ground.nodeName)
            return evictionAnswer(release, last)
          })
          assert.match(refused, /disruption budget/)
        } finally {
          await ground.kubectl.run(['uncordon', ground.nodeName])
        }
        // Now that there is a place again, drain goes on by itself.
        const { code, output } = await drained
        assert.equal(code, 0, output)
        await ground.kubectl.run(['uncordon', ground.nodeName])
        await release.settled(mainReplicas)
      })
      noteLoad(note, report)
      assert.deepEqual([report.failed, report.disturbances], [[], []])
      const earlier = new Set(before.map(({ metadata }) => metadata.uid))
      const after = await release.settled(mainReplicas)
      assert.ok(
        after.every(({ metadata }) => !earlier.has(metadata.uid)),
        'a pod was not drained',
      )
      assert.equal((await ground.api.get(nodes, ground.nodeName))?.spec.unschedulable, undefined)
    },
  },
  {
    name: 'when the pod of Postgres is replaced, nothing is lost and every certificate is issued',
    seconds: 240,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      const restartsBefore = restartsOf(await release.settled(mainReplicas))
      const database = await release.databaseReady()
      const report = await Load.during(await release.target(), async () => {
        await ground.kubectl.run(['delete', 'pod', database.metadata.name, '-n', release.namespace, '--wait=false'])
        await until({ what: 'another pod of Postgres', seconds: 90 }, async () => {
          const next = await release.databaseReady(5)
          return next.metadata.uid === database.metadata.uid ? undefined : true
        })
        await release.settled(mainReplicas)
      })
      noteLoad(note, report)
      // The accounts of the load go on with the database of before.
      assert.deepEqual([report.failed, report.disturbances.filter(isNoRefusal)], [[], []])
      assert.deepEqual(restartsOf(await release.settled(mainReplicas)), restartsBefore)
    },
  },
  {
    name: 'an outage of the database turns /ready and not /health, and restarts nothing',
    seconds: 240,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      const pods = await release.settled(mainReplicas)
      const database = { name: `${release.fullname}-postgresql`, namespace: release.namespace }
      const begun = performance.now()
      await ground.api.patch(statefulSets, database, { spec: { replicas: 0 } })
      try {
        await until({ what: 'every /ready to answer 503', seconds: 60 }, async () => {
          const answers = await Promise.all(pods.map((pod) => release.ask(pod, '/ready')))
          return answers.every(({ status }) => status === 503) ? true : undefined
        })
        note(`/ready turned after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
        await unready(release)
        const end = performance.now() + outageSeconds * 1000
        const unhealthy: string[] = []
        let looks = 0
        await until({ what: 'the end of the outage', seconds: outageSeconds + 10, pollMilliseconds: 500 }, async () => {
          for (const pod of pods) {
            const answer = await release
              .ask(pod, '/health')
              .catch((error: unknown) => ({ status: 0, body: String(error) }))
            if (answer.status !== 200) unhealthy.push(`${pod.metadata.name}: ${answer.status} ${answer.body}`)
          }
          looks++
          return performance.now() > end ? true : undefined
        })
        assert.deepEqual(unhealthy, [])
        note(`/health answered ${looks * pods.length} times meanwhile`)
      } finally {
        await ground.api.patch(statefulSets, database, { spec: { replicas: 1 } })
      }
      await release.databaseReady()
      const back = performance.now()
      const after = await release.settled(mainReplicas)
      note(`ready again ${((performance.now() - back) / 1000).toFixed(0)} s after the database`)
      assert.deepEqual(restartsOf(after), restartsOf(pods))
      assert.deepEqual(uidsOf(after), uidsOf(pods))
    },
  },
]

/** Whether this is anything but a connection that broke with its process, or was refused after it. */
function isNoBreak(disturbance: string): boolean {
  return !/ECONNREFUSED|ECONNRESET|socket hang up/.test(disturbance)
}

/** Whether this is anything but the server saying that it can't serve now, or no server taking connections. */
function isNoRefusal(disturbance: string): boolean {
  return !/\b503\b|ECONNREFUSED/.test(disturbance)
}

async function leaderOf(release: Release, pods: readonly RunningPod[]): Promise<RunningPod> {
  return until({ what: `a pod of ${release.name} to lead`, seconds: 40 }, async () => {
    const lease = await release.ground.api.get(leases, 'certctl-operator', release.namespace)
    // Each process adds something of its own to its name.
    const holder = lease?.spec.holderIdentity?.replace(/_[^_]*$/, '')
    return pods.find(({ metadata }) => metadata.name === holder)
  })
}

/** What the API server says to somebody who wants the pod gone, or undefined where it lets it go. */
async function evictionAnswer(release: Release, pod: RunningPod | undefined): Promise<string | undefined> {
  if (pod === undefined) throw new Error('there is no pod to evict')
  const { name } = pod.metadata
  const path = `/api/v1/namespaces/${release.namespace}/pods/${name}/eviction`
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: release.namespace } }
  try {
    // Only asked, not done.
    await release.ground.api.request(`${path}?dryRun=All`, { method: 'POST', body })
    return undefined
  } catch (error) {
    return String(error)
  }
}

/** Waits until no pod of the server is Ready. */
async function unready(release: Release): Promise<void> {
  await until({ what: 'the pods to be taken out of the Service', seconds: 40 }, async () => {
    const pods = await release.pods()
    const ready = pods.filter(({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    )
    return ready.length === 0 ? true : undefined
  })
}

function restartsOf(pods: readonly RunningPod[]): number[] {
  return pods.map(({ status }) => status?.containerStatuses?.[0]?.restartCount ?? 0)
}

function uidsOf(pods: readonly RunningPod[]): string[] {
  return pods.map(({ metadata }) => metadata.uid ?? '').toSorted()
}
