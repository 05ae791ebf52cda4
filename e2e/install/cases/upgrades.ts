import assert from 'node:assert/strict'
import type { CaseContext, InstallCase } from '../cases.ts'
import type { RunningPod } from '../kinds.ts'
import { Load } from '../load.ts'
import { mainReplicas, mainValues } from '../main-release.ts'
import { imageValues, type Release } from '../release.ts'
import { noteLoad } from '../tell.ts'

const upgradedReplicas = 3

export const upgradeCases: readonly InstallCase[] = [
  {
    name: 'helm upgrade to another image and other values disturbs no issuance, nor does helm rollback',
    seconds: 400,
    async run({ ground, release: installed, note }) {
      const release = await installed()
      const { images } = ground
      const before = await release.settled(mainReplicas)
      assert.deepEqual(imagesOf(before), Array(mainReplicas).fill(images.certctl))
      const revision = await release.revision()
      await undisturbed(release, note, async () => {
        await release.upgrade(upgradedValues(ground))
        await release.settled(upgradedReplicas)
      })
      const upgraded = await release.settled(upgradedReplicas)
      assert.deepEqual(imagesOf(upgraded), Array(upgradedReplicas).fill(images.nextCertctl))

      await undisturbed(release, note, async () => {
        await release.rollback(revision)
        await release.settled(mainReplicas)
      })
      assert.deepEqual(imagesOf(await release.settled(mainReplicas)), imagesOf(before))
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

function imagesOf(pods: readonly RunningPod[]): (string | undefined)[] {
  return pods.map(({ spec }) => spec.containers[0]?.image)
}

/** Does something under load that no client may notice. */
async function undisturbed(release: Release, note: CaseContext['note'], action: () => Promise<void>): Promise<void> {
  const report = await Load.during(await release.target(), action)
  noteLoad(note, report)
  assert.deepEqual(report.failed, [])
  assert.deepEqual(report.disturbances, [])
  assert.ok(report.issued >= 10, `only ${report.issued} certificates were issued, which proves little`)
}
