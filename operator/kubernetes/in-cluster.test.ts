import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startApiServer } from '../testing/api-server.ts'
import { fakeTimers } from '../testing/fake-timers.ts'
import { servingTls } from '../testing/serving-tls.ts'
import { temporaryFolder, testClock } from '../testing/standalone.ts'
import type { TestClock } from '../testing/standalone.ts'
import { createKubernetesClient } from './client.ts'
import type { ClusterCredentials } from './credentials.ts'
import { inClusterCredentials } from './in-cluster.ts'
import { secrets } from './resources.ts'

interface Mount {
  readonly clock: TestClock
  readonly credentials: ClusterCredentials
  readonly mount: (file: 'token' | 'ca.crt', text: string | undefined) => Promise<void>
  readonly pass: (seconds: number) => void
  readonly used: () => Promise<readonly [token: unknown, ca: unknown]>
}

async function mounted(t: TestContext): Promise<Mount> {
  const folder = await temporaryFolder(t)
  const clock = testClock('2026-06-01T00:00:00Z')
  const credentials = inClusterCredentials({ host: '10.0.0.1', port: '443', folder, clock })
  const mount = (file: string, text: string | undefined): Promise<void> =>
    text === undefined ? rm(join(folder, file)) : writeFile(join(folder, file), text)
  await mount('token', 'first\n')
  await mount('ca.crt', 'CA 1')
  return {
    clock,
    credentials,
    mount,
    pass: (seconds) => (clock.time = new Date(clock.time.getTime() + seconds * 1000)),
    async used() {
      const { headers, ca } = await credentials.requestOptions()
      return [headers?.['authorization'], ca]
    },
  }
}

test('the token and the CA are read again when they are older than a minute', async (t) => {
  const { mount, pass, used } = await mounted(t)
  assert.deepEqual(await used(), ['Bearer first', 'CA 1'])
  await mount('token', 'second')
  await mount('ca.crt', 'CA 2')
  pass(60)
  assert.deepEqual(await used(), ['Bearer first', 'CA 1'])
  pass(1)
  assert.deepEqual(await used(), ['Bearer second', 'CA 2'])
})

test('files that are away leave what was read before in use, until they are back', async (t) => {
  const { mount, pass, used } = await mounted(t)
  await used()
  await mount('token', undefined)
  pass(61)
  assert.deepEqual(await used(), ['Bearer first', 'CA 1'])
  await mount('token', 'second')
  assert.deepEqual(await used(), ['Bearer second', 'CA 1'])
})

test('a clock that was set back does not keep an old token', async (t) => {
  const { mount, pass, used } = await mounted(t)
  await used()
  await mount('token', 'second')
  pass(-3600)
  assert.deepEqual(await used(), ['Bearer second', 'CA 1'])
})

test('without files there are no credentials, and requests at the same moment all learn so', async (t) => {
  const { mount, used } = await mounted(t)
  await mount('token', undefined)
  const outcomes = await Promise.allSettled([used(), used(), used()])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
  await mount('token', 'first')
  assert.deepEqual(await Promise.all([used(), used()]), [
    ['Bearer first', 'CA 1'],
    ['Bearer first', 'CA 1'],
  ])
})

test('the address may be IPv6', async (t) => {
  const { clock, credentials } = await mounted(t)
  assert.equal(credentials.url, 'https://10.0.0.1:443')
  assert.equal(inClusterCredentials({ host: 'fd00::1', port: '6443', clock }).url, 'https://[fd00::1]:6443')
})

test('a server is believed only with a certificate of the mounted CA, and told the mounted token', async (t) => {
  const tls = await servingTls(t)
  const server = await startApiServer(t, { tls, token: 'first' })
  const { mount, pass, credentials } = await mounted(t)
  const client = createKubernetesClient({ credentials: { ...credentials, url: server.url }, timers: fakeTimers() })
  t.after(() => client.close())
  const read = () => client.get(secrets, { namespace: 'team', name: 'a' })
  const { ca: another } = await servingTls(t)
  await mount('ca.crt', another)
  await assert.rejects(read(), { name: 'ApiServerUnreachable', message: /certificate/ })
  assert.equal(server.requests.length, 0)
  await mount('ca.crt', tls.ca)
  pass(61)
  for (let i = 0; i < 5; i++) assert.equal(await read(), undefined)
  assert.equal(server.connections, 1)
  await mount('token', 'second')
  pass(61)
  await assert.rejects(read(), { status: 401 })
})

test('a token that the API server refuses is read again for the next request', async (t) => {
  const tls = await servingTls(t)
  const server = await startApiServer(t, { tls, token: 'second' })
  const { mount, credentials } = await mounted(t)
  await mount('ca.crt', tls.ca)
  const client = createKubernetesClient({ credentials: { ...credentials, url: server.url }, timers: fakeTimers() })
  t.after(() => client.close())
  const read = () => client.get(secrets, { namespace: 'team', name: 'a' })
  await assert.rejects(read(), { status: 401 })
  await mount('token', 'second')
  assert.equal(await read(), undefined)
})
