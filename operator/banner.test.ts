import assert from 'node:assert/strict'
import { test } from 'node:test'
import { banner } from './banner.ts'

const facts = {
  externalUrl: 'https://localhost:8443',
  pkiUrl: 'http://localhost:8080',
  profileIds: ['trusted', 'challenge'],
  caFile: '/data/tls/ca.crt',
  caPem: '-----BEGIN CERTIFICATE-----\n',
  issuerIds: ['sample-ca'],
}

test('the first start names every directory, what to trust, and a line for each of the common clients', () => {
  const text = banner(facts)
  for (const id of facts.profileIds)
    assert.match(text, new RegExp(`https://localhost:8443/acme/profile/${id}/directory`))
  assert.match(text, /http:\/\/localhost:8080\/ca\/sample-ca\.pem/)
  for (const client of ['certbot certonly', 'lego --server', 'caddy run', 'kubectl apply'])
    assert.ok(text.includes(client), client)
})

test('the ClusterIssuer holds the bundle that its clients need', () => {
  const line = banner(facts)
    .split('\n')
    .find((each) => each.includes('kubectl apply'))
  const manifest: unknown = JSON.parse(/'(\{.*\})'/.exec(line ?? '')?.[1] ?? '')
  assert.deepEqual(manifest, {
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name: 'certctl' },
    spec: {
      acme: {
        server: 'https://localhost:8443/acme/profile/trusted/directory',
        caBundle: Buffer.from(facts.caPem).toString('base64'),
        privateKeySecretRef: { name: 'certctl-account' },
        solvers: [{ http01: { ingress: {} } }],
      },
    },
  })
})
