import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { callHttp } from '../../harness/http-client.ts'
import type { ClusterCase } from '../cases.ts'
import { zone } from '../stage.ts'
import type { Installation } from '../installation.ts'
import { verifyUpTo, publishedRoot } from '../issued.ts'
import { issuers, namespaces, profiles, secrets, type CertificateProfile } from '../kinds.ts'
import { createProfile, isReady, placeOf, reaches, selfSignedIssuer, trustProfile } from '../objects.ts'
import { finish, order, registerAccount } from '../plain-acme.ts'
import { until } from '../wait.ts'

/** The life of Issuers and CertificateProfiles, as ACME clients and readers of conditions see it. */
export const profileCases: readonly ClusterCase[] = [
  {
    name: 'an order keeps the revision it began with while its profile is edited',
    async run({ cluster, namespace }) {
      const main = await cluster.main()
      const issuer = selfSignedIssuer({ name: 'edited', namespace })
      const where = { kind: profiles, name: 'edited', namespace }
      const profile = trustProfile(where, 'edited', { validity: { default: '1h', max: '1h' } })
      const first = await createProfile(cluster, issuer, profile)
      const client = await registerAccount(directoryOf(first), await main.trustedCa())
      const names = [`edited.${zone}`]
      const begun = await client.newOrder(names)
      await cluster.api.patch(profiles, where, { spec: { validity: { default: '3h', max: '3h' } } })
      const second = await isReady(cluster, where)
      assert.equal(second.status?.revision, (first.status?.revision ?? 0) + 1)
      const early = await finish(client, begun.location, names)
      const late = await order(client, names)
      assert.equal(hoursOf(early), 1, 'the order from before the change')
      assert.equal(hoursOf(late), 3, 'an order from after the change')
      for (const chain of [early, late]) await verifyUpTo(await publishedRoot(cluster, placeOf(issuer)), chain, names)
      client.close()
    },
  },
  {
    name: 'an edit that only the operator can judge is refused in the status, and the last good revision goes on',
    async run({ cluster, namespace }) {
      const main = await cluster.main()
      const where = { kind: profiles, name: 'misjudged', namespace }
      const good = await createProfile(
        cluster,
        selfSignedIssuer({ name: 'misjudged', namespace }),
        trustProfile(where, 'misjudged'),
      )
      const client = await registerAccount(directoryOf(good), await main.trustedCa())
      await cluster.api.patch(profiles, where, {
        spec: { acme: { registration: null, clientNetworks: ['10.88.1.2/16'] } },
      })
      const refused = await reaches(cluster, where, { type: 'Accepted', status: 'False' })
      const accepted = refused.status?.conditions?.find(({ type }) => type === 'Accepted')
      assert.match(accepted?.message ?? '', /clientNetworks/)
      assert.equal(refused.status?.revision, good.status?.revision)
      const names = [`misjudged.${zone}`]
      await verifyUpTo(
        await publishedRoot(cluster, { name: 'misjudged', namespace }),
        await order(client, names),
        names,
      )
      client.close()
    },
  },
  {
    name: 'a deleted profile is served no more, its certificates stay, and one of its name begins anew',
    async run({ cluster, namespace }) {
      const main = await cluster.main()
      const where = { kind: profiles, name: 'reborn', namespace }
      const profile = trustProfile(where, 'reborn')
      const first = await createProfile(cluster, selfSignedIssuer({ name: 'reborn', namespace }), profile)
      const client = await registerAccount(directoryOf(first), await main.trustedCa())
      await order(client, [`reborn.${zone}`])
      await cluster.api.patch(profiles, where, { spec: { validity: { default: '2h' } } })
      await isReady(cluster, where)
      const kept = await countRows(main, first)
      assert.equal(kept.certificates, 1)
      assert.ok(kept.auditEvents > 0)

      await cluster.api.delete(profiles, 'reborn', namespace)
      await until({ what: 'the directory of a deleted profile to be gone', seconds: 20 }, async () => {
        const { status } = await callHttp(directoryOf(first), { ca: await main.trustedCa() })
        return status === 404 ? true : undefined
      })
      const refused = await client.newOrder([`reborn.${zone}`])
      assert.ok(refused.status >= 400 && refused.status < 500, `newOrder was answered ${refused.status}`)

      await cluster.api.create(profiles, profile)
      const second = await isReady(cluster, where)
      assert.notEqual(second.metadata.uid, first.metadata.uid)
      assert.equal(second.status?.revision, 1, 'the new profile continues the revisions of the old one')
      const after = await countRows(main, first)
      assert.deepEqual(after.certificates, kept.certificates)
      assert.ok(after.auditEvents >= kept.auditEvents)
      client.close()
    },
  },
  {
    name: 'the key of an Issuer that is gone is not taken over by one of its name',
    async run({ cluster, namespace }) {
      await cluster.main()
      const issuer = selfSignedIssuer({ name: 'heir', namespace })
      await cluster.api.create(issuers, issuer)
      await isReady(cluster, { kind: issuers, name: 'heir', namespace })
      await cluster.api.delete(issuers, 'heir', namespace)
      await cluster.api.create(issuers, issuer)
      const refused = await reaches(
        cluster,
        { kind: issuers, name: 'heir', namespace },
        { type: 'Ready', status: 'False', reason: 'SecretInvalid' },
      )
      assert.match(JSON.stringify(refused.status?.conditions), /heir-ca/)
      await cluster.api.delete(secrets, 'heir-ca', namespace)
      await isReady(cluster, { kind: issuers, name: 'heir', namespace })
    },
  },
  {
    name: 'a profile of another namespace needs the leave of its Issuer, and stays below its ceilings',
    async run({ cluster, namespace }) {
      await cluster.main()
      const tenant = `${namespace}-web`
      await cluster.createNamespace(tenant, { team: 'web' })
      await cluster.api.create(issuers, selfSignedIssuer({ name: 'lender', namespace }))
      await isReady(cluster, { kind: issuers, name: 'lender', namespace })
      const where = { kind: profiles, name: 'borrower', namespace: tenant }
      const profile = trustProfile(where, 'lender')
      await cluster.api.create(profiles, {
        ...profile,
        spec: { ...profile.spec, issuerRef: { name: 'lender', namespace } },
      })
      await reaches(cluster, where, { type: 'ResolvedRefs', status: 'False', reason: 'NotPermitted' })

      const selector = { matchLabels: { team: 'web' } }
      const ceilings = { identifiers: { dns: { allowed: [`**.web.${zone}`] } } }
      const allowedProfiles = { namespaces: { from: 'Selector', selector }, ceilings }
      await cluster.api.patch(issuers, { name: 'lender', namespace }, { spec: { allowedProfiles } })
      await reaches(cluster, where, { type: 'Accepted', status: 'False', reason: 'ExceedsIssuerLimits' })

      await cluster.api.patch(profiles, where, { spec: { identifiers: { dns: { allowed: [`*.web.${zone}`] } } } })
      await isReady(cluster, where)

      await cluster.api.patch(namespaces, { name: tenant }, { metadata: { labels: { team: 'other' } } })
      await reaches(cluster, where, { type: 'ResolvedRefs', status: 'False', reason: 'NotPermitted' })
    },
  },
]

function directoryOf({ status }: CertificateProfile): string {
  const url = status?.acme?.directoryURL
  assert.ok(url !== undefined, 'the status names no directory')
  return url
}

/** How many hours after it was issued a leaf ends; it may be dated back by less than an hour. */
function hoursOf(chainPem: string): number {
  const { validFromDate, validToDate } = new X509Certificate(chainPem)
  return Math.round((validToDate.getTime() - validFromDate.getTime()) / 3_600_000)
}

/** What the database keeps of a profile: certificates under any of its revisions, and what was recorded of it. */
async function countRows(
  { database }: Installation,
  { metadata: { uid } }: CertificateProfile,
): Promise<{ certificates: number; auditEvents: number }> {
  const { rows } = await database.query<{ certificates: string; audit_events: string }>(
    `select
       (select count(*) from certificates c
          join profile_revisions r on r.id = c.profile_revision_id
          join profiles p on p.id = r.profile_uuid where p.uid = $1) as certificates,
       (select count(*) from audit_events) as audit_events`,
    [uid],
  )
  return { certificates: Number(rows[0]?.certificates), auditEvents: Number(rows[0]?.audit_events) }
}
