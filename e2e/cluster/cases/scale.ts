import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { ClusterCase } from '../cases.ts'
import type { Cluster } from '../cluster.ts'
import { issuers, profiles } from '../kinds.ts'
import { createProfile, isReady, selfSignedIssuer, trustProfile } from '../objects.ts'
import { until } from '../wait.ts'

const manyProfiles = 1000
const profilesInAMinute = 500
const mostMegabytes = 300
const firstProfileSeconds = 2

/** How fast, and how much memory. */
export const scaleCases: readonly ClusterCase[] = [
  {
    name: 'a first profile is Ready within 2 s of its apply',
    alone: true,
    async run({ cluster, namespace, note }) {
      await cluster.main()
      const times: number[] = []
      // The machine may be busy with something else at one time, but hardly at three.
      for (const name of ['first', 'second', 'third']) {
        const begun = performance.now()
        await createProfile(cluster, selfSignedIssuer({ name, namespace }), trustProfile({ name, namespace }, name))
        times.push((performance.now() - begun) / 1000)
      }
      note(times.map((seconds) => `${seconds.toFixed(2)} s`).join(', '))
      assert.ok(Math.min(...times) <= firstProfileSeconds)
    },
  },
  {
    name: '500 profiles are reconciled within 60 s of the start, and 1,000 are held in less than 300 MB',
    on: 'small',
    alone: true,
    seconds: 240,
    async run({ cluster, note }) {
      await using crowd = await cluster.install({ namespace: 'crowd', rights: 'namespaced' })
      const { namespace } = crowd
      await cluster.api.create(issuers, selfSignedIssuer({ name: 'crowd', namespace }))
      await createMany(cluster, namespace)
      const begun = performance.now()
      const seconds = (): number => (performance.now() - begun) / 1000
      const replica = await crowd.start()
      const wait = { seconds: 150, pollMilliseconds: 500 }
      const count = (): Promise<number> => countReady(cluster, namespace)
      await until({ ...wait, what: `${profilesInAMinute} profiles to be Ready` }, async () =>
        (await count()) >= profilesInAMinute ? true : undefined,
      )
      const half = seconds()
      await until({ ...wait, what: `${manyProfiles} profiles to be Ready` }, async () =>
        (await count()) >= manyProfiles ? true : undefined,
      )
      const megabytes = await residentMegabytes(replica.pid)
      note(`500 after ${half.toFixed(1)} s, 1,000 after ${seconds().toFixed(1)} s, ${megabytes.toFixed(0)} MB`)
      assert.ok(half <= 60)
      assert.ok(megabytes < mostMegabytes)
      await isReady(cluster, { kind: profiles, name: 'crowd-0', namespace })
    },
  },
]

async function createMany({ api }: Cluster, namespace: string): Promise<void> {
  const waiting = Array.from({ length: manyProfiles }, (_, index) => `crowd-${index}`)
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await api.create(profiles, trustProfile({ name, namespace }, 'crowd'))
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
}

async function countReady({ api }: Cluster, namespace: string): Promise<number> {
  const found = await api.list(profiles, namespace)
  return found.filter(({ status }) =>
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  ).length
}

/** Memory of a process that is in RAM (proc(5)). */
async function residentMegabytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1000
}
