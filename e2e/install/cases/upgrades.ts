import assert from 'node:assert/strict'
import type { CaseContext, InstallCase } from '../cases.ts'
import { Load, type LoadReport } from '../load.ts'
import { mainReplicas, mainValues } from '../main-release.ts'
import { imageValues, type Release } from '../release.ts'
import { noteLoad } from '../tell.ts'

const upgradedReplicas = 3

export const upgradeCases: readonly InstallCase[] = [
  {
    name: 'helm upgrade to another image and other values disturbs no issuance',
    seconds: 300,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      const before = await release.settled(mainReplicas)
      await undisturbed(release, note, async () => {
        await release.upgrade(upgradedValues(ground))
        await release.settled(upgradedReplicas)
      })
      const after = await release.settled(upgradedReplicas)
      assert.deepEqual(
        after.map((pod) => pod.spec.containers[0]?.image),
        Array.from({ length: upgradedReplicas }, () => ground.images.nextCertctl),
      )
      const earlier = new Set(before.map(({ metadata }) => metadata.uid))
      assert.ok(
        after.every(({ metadata }) => !earlier.has(metadata.uid)),
        'a pod of before is still there',
      )
    },
  },
  {
    name: 'helm rollback disturbs no issuance',
    seconds: 400,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      await release.settled(upgradedReplicas, 5).catch(() => release.upgrade(upgradedValues(ground)))
      await release.settled(upgradedReplicas)
      const revision = await release.revision()
      await undisturbed(release, note, async () => {
        await release.rollback(revision - 1)
        await release.settled(mainReplicas)
      })
      const pods = await release.settled(mainReplicas)
      assert.ok(
        pods.every((pod) => pod.spec.containers[0]?.image === ground.images.certctl),
        'not all pods have the image of before',
      )
    },
  },
  {
    name: 'an upgrade with which nothing starts fails, disturbs no issuance, and is taken back',
    seconds: 300,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      await release.settled(mainReplicas)
      const revision = await release.revision()
      const broken = {
        server: { clusterIssuers: true, extraEnv: [{ name: 'NODE_OPTIONS', value: '--no-such-option' }] },
      }
      await undisturbed(release, note, async () => {
        await release.upgradeInVain({ ...mainValues(ground), ...broken })
        const ready = (await release.pods()).filter((pod) => pod.status?.containerStatuses?.[0]?.ready === true)
        assert.equal(ready.length, mainReplicas)
        await release.rollback(revision)
        await release.settled(mainReplicas)
      })
    },
  },
]

function upgradedValues(ground: CaseContext['ground']): object {
  return {
    ...mainValues(ground),
    ...imageValues(ground.images.nextCertctl, ground.images.postgres),
    server: {
      clusterIssuers: true,
      replicas: upgradedReplicas,
      logLevel: 'debug',
      resources: { requests: { cpu: '50m', memory: '160Mi' }, limits: { memory: '400Mi' } },
    },
    acmeServer: { orderTTL: '12h' },
  }
}

/** Does something under load that no client may notice. */
async function undisturbed(
  release: Release,
  note: CaseContext['note'],
  action: () => Promise<void>,
): Promise<LoadReport> {
  const report = await Load.during(await release.target(), action)
  noteLoad(note, report)
  assert.deepEqual(report.failed, [])
  assert.deepEqual(report.disturbances, [])
  assert.ok(report.issued >= 10, `only ${report.issued} certificates were issued, which proves little`)
  return report
}
