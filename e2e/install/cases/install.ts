import assert from 'node:assert/strict'
import { publishedRoot, verifyUpTo } from '../../cluster/issued.ts'
import { issuers } from '../../cluster/kinds.ts'
import { isReady } from '../../cluster/objects.ts'
import { order, registerAccount } from '../../cluster/plain-acme.ts'
import type { InstallCase } from '../cases.ts'
import { disruptionBudgets } from '../kinds.ts'
import { mainRelease, mainReplicas, mainValues } from '../main-release.ts'
import { sampleDomain } from '../release.ts'

/** From nothing to a certificate. */
const goalSeconds = 90

export const installCases: readonly InstallCase[] = [
  {
    name: 'helm install leads to a certificate within 90 seconds, in a namespace that takes only restricted pods',
    seconds: 200,
    isEssential: true,
    async run({ ground, note }) {
      const release = mainRelease(ground)
      const begun = performance.now()
      const seconds = (): number => (performance.now() - begun) / 1000
      await release.createNamespace()
      await release.install(mainValues(ground))
      const installed = seconds()
      const { directoryUrl, rootPem } = await release.target()
      const names = [`first.${sampleDomain}`]
      const chain = await order(await registerAccount(directoryUrl, rootPem), names)
      const issued = seconds()
      note(`helm was done after ${installed.toFixed(1)} s, the certificate was there after ${issued.toFixed(1)} s`)
      await verifyUpTo(await publishedRoot(ground, { name: 'sample-ca', namespace: release.namespace }), chain, names)
      assert.ok(issued < goalSeconds, `the first certificate came after ${issued.toFixed(0)} s`)
      await release.settled(mainReplicas)
      const budget = await ground.api.get(disruptionBudgets, release.fullname, release.namespace)
      assert.equal(budget?.status?.disruptionsAllowed, 1)
    },
  },
  {
    name: 'helm test succeeds',
    seconds: 150,
    async run({ release: installed }) {
      const release = await installed()
      await release.helm.run(['test', release.name, '--namespace', release.namespace, '--timeout', '120s'])
    },
  },
  {
    name: 'Issuer and profiles that the chart brings are Ready',
    seconds: 90,
    async run({ ground, release: installed }) {
      const release = await installed()
      await isReady(ground, { kind: issuers, name: 'sample-ca', namespace: release.namespace }, 60)
      for (const profile of ['trusted', 'challenge']) {
        const { directoryUrl } = await release.target(profile)
        assert.equal(directoryUrl, `https://certctl.certctl.svc:8443/acme/profile/${profile}/directory`)
      }
    },
  },
]
