import { namespaces } from '../../cluster/kinds.ts'
import { until } from '../../cluster/wait.ts'
import type { InstallCase } from '../cases.ts'
import { issueOne } from '../issue-one.ts'
import { volumeClaims } from '../kinds.ts'
import { imageValues, Release } from '../release.ts'
import { putCertificate } from '../tls-secret.ts'

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

/** Puts a certificate for the release's Service into the Secret `own-tls`, and returns the CA that it comes from. */
function bringCertificate({ ground, fullname, namespace }: Release): Promise<string> {
  const host = `${fullname}.${namespace}.svc`
  return putCertificate(ground, { name: 'own-tls', namespace, hosts: [host, `${host}.cluster.local`] })
}
