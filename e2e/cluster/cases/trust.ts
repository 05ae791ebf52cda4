import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type { ClusterCase } from '../cases.ts'
import { trustedNamespace } from '../cluster.ts'
import { clusterIssuers, clusterTrustBundles, configMaps, profiles, type ClusterIssuer } from '../kinds.ts'
import { createProfile, isReady, reaches, selfSignedIssuer, trustProfile } from '../objects.ts'
import { until } from '../wait.ts'

const own = 'certctl'

const withClusterIssuer = { certManager: { clusterIssuer: { enabled: true } } }

/** Who is told what to trust, and whose objects are left alone. */
export const trustCases: readonly ClusterCase[] = [
  {
    name: 'what to trust for the listener is published in the chosen namespaces and as a ClusterTrustBundle',
    async run({ cluster, stage, note }) {
      const main = await cluster.main()
      const ca = await main.trustedCa()
      assert.ok(new X509Certificate(ca).ca)
      const elsewhere = await until({ what: 'the ConfigMap in the other namespace', seconds: 20 }, () =>
        cluster.api.get(configMaps, 'certctl-trust', trustedNamespace),
      )
      assert.equal(elsewhere.data?.['ca.crt'], ca)
      if (!cluster.plane.hasClusterTrustBundles) {
        const warning = 'the API server has no ClusterTrustBundle (certificates.k8s.io/v1beta1)'
        // The replica that leads says so.
        const logged = main.replicas.map((replica) => replica.logged(warning, 20, (line) => line.includes(warning)))
        await Promise.any(logged)
        note(`no bundle: Kubernetes ${stage.programs.version} lacks the kind, and the operator says so`)
        return
      }
      const bundle = await until({ what: 'the ClusterTrustBundle', seconds: 20 }, async () =>
        (await cluster.api.list(clusterTrustBundles)).find(({ metadata }) => metadata.name.startsWith('certctl')),
      )
      assert.equal(bundle.spec.trustBundle, ca)
    },
  },
  {
    name: 'a ClusterIssuer that was changed or deleted is put right, and goes with its profile',
    seconds: 120,
    async run({ cluster }) {
      await cluster.main()
      const where = { kind: clusterIssuers, name: 'certctl-kept' }
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'kept', namespace: own }),
        trustProfile({ name: 'kept', namespace: own }, 'kept', withClusterIssuer),
      )
      const made = await isReady(cluster, where)
      const wrong = { acme: { server: 'https://elsewhere.example.com/directory', caBundle: null } }
      await cluster.api.patch(clusterIssuers, where, { spec: wrong })
      const isRight = (found: ClusterIssuer | undefined): true | undefined =>
        found?.spec.acme.server === made.spec.acme.server && found.spec.acme.caBundle === made.spec.acme.caBundle
          ? true
          : undefined
      const look = async (): Promise<true | undefined> => isRight(await cluster.api.get(clusterIssuers, where.name))
      await until({ what: 'the changed ClusterIssuer to be put right', seconds: 20 }, look)
      await cluster.api.delete(clusterIssuers, where.name)
      await until({ what: 'the deleted ClusterIssuer to be made again', seconds: 20 }, look)
      await cluster.api.delete(profiles, 'kept', own)
      await until({ what: 'the ClusterIssuer to go with its profile', seconds: 20 }, async () =>
        (await cluster.api.get(clusterIssuers, where.name)) === undefined ? true : undefined,
      )
    },
  },
  {
    name: 'a ClusterIssuer of somebody else is left alone, and the profile says why',
    async run({ cluster }) {
      await cluster.main()
      const theirs: ClusterIssuer = {
        metadata: { name: 'certctl-taken' },
        spec: {
          acme: {
            server: 'https://elsewhere.example.com/directory',
            privateKeySecretRef: { name: 'taken' },
            solvers: [{ http01: { ingress: {} } }],
          },
        },
      }
      const { metadata } = await cluster.api.create(clusterIssuers, theirs)
      const where = { kind: profiles, name: 'taken', namespace: own }
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'taken', namespace: own }),
        trustProfile(where, 'taken', withClusterIssuer),
      )
      await reaches(cluster, where, { type: 'ClusterIssuer', status: 'False', reason: 'ClusterIssuerNotOwned' })
      await cluster.api.delete(profiles, 'taken', own)
      const after = await cluster.api.get(clusterIssuers, 'certctl-taken')
      assert.equal(after?.metadata.uid, metadata.uid)
      assert.deepEqual(after?.spec, theirs.spec)
      await cluster.api.delete(clusterIssuers, 'certctl-taken')
    },
  },
  {
    name: "a tenant's profile gets no ClusterIssuer",
    async run({ cluster, namespace }) {
      await cluster.main()
      const where = { kind: profiles, name: 'tenant', namespace }
      await cluster.api.create(profiles, trustProfile(where, 'tenant', withClusterIssuer))
      const refused = await reaches(cluster, where, {
        type: 'Accepted',
        status: 'False',
        reason: 'ClusterIssuerNotPermitted',
      })
      assert.match(JSON.stringify(refused.status?.conditions), /the operator's own namespace/)
      assert.equal(await cluster.api.get(clusterIssuers, 'certctl-tenant'), undefined)
    },
  },
  {
    name: 'where cert-manager is not installed a profile is served all the same, and says what it lacks',
    on: 'shaky',
    async run({ cluster }) {
      const main = await cluster.main()
      const where = { kind: profiles, name: 'without', namespace: own }
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'without', namespace: own }),
        trustProfile(where, 'without', withClusterIssuer),
      )
      const { status } = await reaches(cluster, where, {
        type: 'ClusterIssuer',
        status: 'False',
        reason: 'CertManagerAbsent',
      })
      assert.match(JSON.stringify(status?.conditions), /install cert-manager/)
      assert.equal((await main.replicas[0]?.metric('certctl_unhandled_rejections_total'))?.get(''), 0)
    },
  },
]
