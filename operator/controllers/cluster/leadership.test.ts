import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterHarness } from '../../testing/cluster.ts'
import type { ClusterHarness } from '../../testing/cluster.ts'
import { rootIssuer as root } from '../../testing/root-issuer.ts'

const isKeyWrite = ({ method, url }: { method: string; url: string }): boolean =>
  method === 'POST' && url.includes('/secrets')

function untilTheKeyIsWritten(cluster: ClusterHarness): Promise<void> {
  return cluster.until(() => cluster.api.requests.some(isKeyWrite), 'the key is on its way')
}

test('leading ends though the API server is silent', async (t) => {
  const cluster = await clusterHarness(t)
  cluster.api.fail({ method: 'POST', path: '/secrets', answer: 'hang' })
  cluster.apply(root)
  const end = cluster.lead()
  await untilTheKeyIsWritten(cluster)
  await end()
  const reasons = cluster.log.lines.flatMap(({ fields: { object, err } }) => (object === 'certctl/root' ? [err] : []))
  assert.match(String(reasons), /the test ends it/, 'the request did not wait for its own deadline')
})

test('nothing is written any more by who has ceased to lead, whatever was under way', async (t) => {
  const cluster = await clusterHarness(t)
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  cluster.api.fail({ method: 'POST', path: '/secrets', answer: { after: answered } })
  cluster.apply(root)
  const end = cluster.lead()
  await untilTheKeyIsWritten(cluster)
  const before = cluster.api.requests.length
  const ended = end()
  answer()
  await ended
  const late = cluster.api.requests.slice(before).filter(({ method }) => method !== 'GET')
  assert.deepEqual(
    late.map(({ method, url }) => `${method} ${url}`),
    [],
  )
})
