import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publishedRoot, verifyUpTo } from '../../cluster/issued.ts'
import { namespaces, secrets } from '../../cluster/kinds.ts'
import { order, registerAccount } from '../../cluster/plain-acme.ts'
import { until } from '../../cluster/wait.ts'
import { makeListenerCertificate } from '../../harness/openssl.ts'
import type { InstallCase } from '../cases.ts'
import { volumeClaims } from '../kinds.ts'
import { imageValues, Release, sampleDomain } from '../release.ts'

export const secondReleaseCases: readonly InstallCase[] = [
  {
    name: 'Helm 3 installs a second release beside it: one replica, limits in memory, and then a certificate of our own',
    seconds: 300,
    async run({ ground, release: first, note }) {
      await first()
      const release = new Release(ground, { name: 'lone', namespace: 'lone', helm: 3 })
      const values = {
        ...imageValues(ground.images.certctl, ground.images.postgres),
        crds: { enabled: false },
        sampleProfiles: { enabled: true },
        server: { replicas: 1, rateLimiting: { backend: 'memory' } },
      }
      const database = { ...values.postgresql, storage: { whenDeleted: 'Delete', size: '1Gi' } }
      const begun = performance.now()
      await release.createNamespace()
      await release.install({ ...values, postgresql: database })
      note(`installed in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
      const issuer = { name: 'sample-ca', namespace: release.namespace }
      await issueOne(release, await release.trustedCa(), issuer)

      const ownCa = await bringCertificate(release)
      const tls = { mode: 'existingSecret', existingSecret: { name: 'own-tls' } }
      await release.upgrade({ ...values, postgresql: database, tls })
      await until({ what: 'the CA of our own to be published', seconds: 60 }, async () => {
        return (await release.trustedCa()).trim() === ownCa.trim() ? true : undefined
      })
      await issueOne(release, ownCa, issuer)

      await release.uninstall()
      await until({ what: 'the volume to be given back, as was asked for', seconds: 60 }, async () => {
        const claims = await ground.api.list(volumeClaims, release.namespace)
        return claims.length === 0 ? true : undefined
      })
      await ground.api.delete(namespaces, release.namespace)
      // The first release has the definitions.
      await issueOne(await first(), await (await first()).trustedCa(), { name: 'sample-ca', namespace: 'certctl' })
    },
  },
]

/** Gets a certificate, trusting the listener by this CA alone, and verifies it. */
async function issueOne(release: Release, rootPem: string, issuer: { name: string; namespace: string }): Promise<void> {
  const { directoryUrl } = await release.target()
  const names = [`one.${sampleDomain}`]
  const chain = await order(await registerAccount(directoryUrl, rootPem), names)
  await verifyUpTo(await publishedRoot(release.ground, issuer), chain, names)
  assert.match(directoryUrl, new RegExp(`^https://${release.fullname}[.]${release.namespace}[.]svc:8443/`))
}

/** Puts a certificate for the release's Service into the Secret `own-tls`, and returns the CA that it comes from. */
async function bringCertificate({ ground, fullname, namespace }: Release): Promise<string> {
  const folder = join(ground.folder, `tls-${namespace}`)
  await mkdir(folder)
  const files = await makeListenerCertificate(folder, [
    `${fullname}.${namespace}.svc`,
    `${fullname}.${namespace}.svc.cluster.local`,
  ])
  const ca = await readFile(files.caFile, 'utf8')
  await ground.api.apply(secrets, {
    metadata: { name: 'own-tls', namespace },
    type: 'kubernetes.io/tls',
    stringData: {
      'tls.crt': await readFile(files.certificateFile, 'utf8'),
      'tls.key': await readFile(files.keyFile, 'utf8'),
      'ca.crt': ca,
    },
  })
  return ca
}
