import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { stringify } from 'yaml'
import type { ClusterCase } from '../cases.ts'
import { zone } from '../stage.ts'
import { secretText, verifySecret } from '../issued.ts'
import { certificates, clusterIssuers, orders, profiles } from '../kinds.ts'
import {
  certificateOf,
  createProfile,
  createUpdateSecret,
  challengeProfile,
  ingressSolver,
  isReady,
  obtain,
  rfc2136Solver,
  selfSignedIssuer,
  trustProfile,
} from '../objects.ts'
import { until } from '../wait.ts'

const own = 'certctl'

const withClusterIssuer = { certManager: { clusterIssuer: { enabled: true } } }

/** States of an Order after which no other comes. */
const endStates = ['valid', 'invalid', 'expired', 'errored']

/** cert-manager gets certificates from profiles, with no CA bundle in anybody's hands. */
export const issuanceCases: readonly ClusterCase[] = [
  {
    name: 'a profile is applied, its ClusterIssuer becomes Ready, and a Certificate has a chain that verifies',
    async run({ cluster, namespace }) {
      await cluster.main()
      const issuer = selfSignedIssuer({ name: 'walk', namespace: own })
      const profile = trustProfile({ name: 'walk', namespace: own }, 'walk', withClusterIssuer)
      const manifest = [
        { apiVersion: 'certctl.io/v1alpha1', kind: 'Issuer', ...issuer },
        { apiVersion: 'certctl.io/v1alpha1', kind: 'CertificateProfile', ...profile },
      ]
      await cluster.kubectl.run(['apply', '-f', '-'], manifest.map((object) => stringify(object)).join('---\n'))
      await isReady(cluster, { kind: profiles, name: 'walk', namespace: own })
      await isReady(cluster, { kind: clusterIssuers, name: 'certctl-walk' })
      const certificate = certificateOf({ name: 'first', namespace }, 'certctl-walk')
      await obtain(cluster, certificate)
      await verifySecret(cluster, {
        secret: { name: 'first', namespace },
        issuer: { name: 'walk', namespace: own },
        names: certificate.spec.dnsNames,
      })
    },
  },
  {
    name: 'three names with a common name, for 720h, to be renewed 240h before',
    async run({ cluster, namespace }) {
      await cluster.main()
      const names = ['one', 'two', 'three'].map((label) => `${label}.walkthrough.${zone}`)
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'three', namespace: own }),
        trustProfile({ name: 'three', namespace: own }, 'three', {
          ...withClusterIssuer,
          validity: { default: '720h', max: '2160h' },
        }),
      )
      const certificate = certificateOf({ name: 'three-names', namespace }, 'certctl-three', {
        commonName: `one.walkthrough.${zone}`,
        dnsNames: names,
        duration: '720h',
        renewBefore: '240h',
      })
      const { status } = await obtain(cluster, certificate)
      const secret = { name: 'three-names', namespace }
      await verifySecret(cluster, { secret, issuer: { name: 'three', namespace: own }, names })
      const leaf = new X509Certificate(await secretText(cluster, secret, 'tls.crt'))
      assert.equal(leaf.subject, `CN=one.walkthrough.${zone}`)
      const renewal = (Date.parse(status?.notAfter ?? '') - Date.parse(status?.renewalTime ?? '')) / 3_600_000
      assert.equal(Math.round(renewal), 240)
    },
  },
  {
    name: 'cert-manager renews before a certificate ends',
    seconds: 120,
    async run({ cluster, namespace }) {
      await cluster.main()
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'renewed', namespace: own }),
        trustProfile({ name: 'renewed', namespace: own }, 'renewed', {
          ...withClusterIssuer,
          validity: { default: '180s', max: '180s', backdate: '0s' },
        }),
      )
      const certificate = certificateOf({ name: 'renewed', namespace }, 'certctl-renewed', { renewBefore: '170s' })
      await obtain(cluster, certificate)
      const secret = { name: 'renewed', namespace }
      const first = new X509Certificate(await secretText(cluster, secret, 'tls.crt'))
      await until({ what: 'a second revision of the Certificate', seconds: 60 }, async () => {
        const found = await cluster.api.get(certificates, 'renewed', namespace)
        return (found?.status?.revision ?? 0) >= 2 ? true : undefined
      })
      const second = new X509Certificate(await secretText(cluster, secret, 'tls.crt'))
      assert.notEqual(second.serialNumber, first.serialNumber)
      const issuer = { name: 'renewed', namespace: own }
      await verifySecret(cluster, { secret, issuer, names: certificate.spec.dnsNames })
      await cluster.api.delete(certificates, 'renewed', namespace)
    },
  },
  {
    name: 'fifty Certificates at once all become Ready, and no Order ends otherwise than valid',
    seconds: 90,
    async run({ cluster, namespace, note }) {
      await cluster.main()
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'fifty', namespace: own }),
        trustProfile({ name: 'fifty', namespace: own }, 'fifty', withClusterIssuer),
      )
      await isReady(cluster, { kind: clusterIssuers, name: 'certctl-fifty' })
      const begun = performance.now()
      const names = Array.from({ length: 50 }, (_, index) => `fifty-${index}`)
      await Promise.all(names.map((name) => obtain(cluster, certificateOf({ name, namespace }, 'certctl-fifty'), 80)))
      note(`all Ready after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
      // One each, and once in a while one more, a bit later: cert-manager asks again where its cache lags behind its own
      // write.
      const ended = await until({ what: 'every Order to end', seconds: 20 }, async () => {
        const found = await cluster.api.list(orders, namespace)
        const others = found.filter(({ status }) => !endStates.includes(status?.state ?? ''))
        if (others.length === 0) return found
        throw new Error(JSON.stringify(others.map(({ metadata, status }) => [metadata.name, status?.state])))
      })
      assert.ok(ended.length >= 50, `${ended.length} Orders`)
      assert.deepEqual(
        ended.filter(({ status }) => status?.state !== 'valid').map(({ status }) => status),
        [],
      )
    },
  },
  {
    name: 'a name that the profile does not allow gives an Order whose reason says which and why',
    async run({ cluster, namespace }) {
      await cluster.main()
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'narrow', namespace: own }),
        trustProfile({ name: 'narrow', namespace: own }, 'narrow', {
          ...withClusterIssuer,
          identifiers: { dns: { allowed: [`*.narrow.${zone}`] } },
        }),
      )
      await isReady(cluster, { kind: clusterIssuers, name: 'certctl-narrow' })
      const dnsNames = ['db.outside.example.net']
      await cluster.api.create(
        certificates,
        certificateOf({ name: 'refused', namespace }, 'certctl-narrow', { dnsNames }),
      )
      const reason = await until({ what: 'an Order that was refused', seconds: 30 }, async () => {
        const [order] = await cluster.api.list(orders, namespace)
        return order?.status?.state === 'errored' ? order.status.reason : undefined
      })
      assert.match(reason, /db\.outside\.example\.net/)
      assert.match(reason, /is not among the names of this profile's identifiers\.dns\.allowed/)
    },
  },
  {
    name: 'names are proven by dns-01, a wildcard among them',
    async run({ cluster, namespace }) {
      await cluster.main()
      await createUpdateSecret(cluster.api)
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'dns', namespace: own }),
        challengeProfile({ name: 'dns', namespace: own }, 'dns', {
          certManager: { clusterIssuer: { enabled: true, solvers: [rfc2136Solver] } },
        }),
      )
      const dnsNames = [`dns.${zone}`, `*.dns.${zone}`]
      await obtain(cluster, certificateOf({ name: 'by-dns', namespace }, 'certctl-dns', { dnsNames }))
      const issuer = { name: 'dns', namespace: own }
      await verifySecret(cluster, { secret: { name: 'by-dns', namespace }, issuer, names: dnsNames })
    },
  },
  {
    name: 'a name is proven by http-01',
    async run({ cluster, namespace }) {
      await cluster.main()
      await createProfile(
        cluster,
        selfSignedIssuer({ name: 'http', namespace: own }),
        challengeProfile({ name: 'http', namespace: own }, 'http', {
          certManager: { clusterIssuer: { enabled: true, solvers: [ingressSolver] } },
        }),
      )
      const certificate = certificateOf({ name: 'by-http', namespace }, 'certctl-http')
      await obtain(cluster, certificate)
      const issuer = { name: 'http', namespace: own }
      await verifySecret(cluster, { secret: { name: 'by-http', namespace }, issuer, names: certificate.spec.dnsNames })
    },
  },
]
