import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'
import { decodePem } from '../ca/index.ts'
import { createKubernetesClient } from './kubernetes/client.ts'
import type { Secret, Stored } from './kubernetes/objects.ts'
import { secrets } from './kubernetes/resources.ts'
import { systemTimers } from './kubernetes/timers.ts'
import { startApiServer } from './testing/api-server.ts'
import type { TestApiServer } from './testing/api-server.ts'
import { ownCertificateIn, servingHosts } from './tls.ts'
import type { ServingCertificates } from './tls.ts'
import type { ServingCertificate } from './tls-leaf.ts'
import { secretListenerStore } from './tls-secret.ts'

const start = new Date('2026-06-01T00:00:00Z')
const after = (days: number): Date => new Date(start.getTime() + days * 24 * 3600 * 1000)
const ref = { namespace: 'certctl', name: 'certctl-listener' }

/** Replicas in one namespace, each with a client of its own. */
async function aNamespace(
  t: TestContext,
): Promise<{ server: TestApiServer; replica: (url?: string) => ServingCertificates; secret: () => Stored<Secret> }> {
  const server = await startApiServer(t)
  return {
    server,
    replica: (url = 'https://acme.example.com') => {
      const client = createKubernetesClient({ credentials: server.credentials(), timers: systemTimers })
      t.after(() => client.close())
      return ownCertificateIn(secretListenerStore({ client, ...ref }), servingHosts([url]))
    },
    secret: () => server.read(secrets, ref) ?? assert.fail('there is no Secret'),
  }
}

function text({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString('utf8')
}

function published(secret: Secret): X509Certificate[] {
  return decodePem(text(secret, 'ca.crt'), 'CERTIFICATE').map((der) => new X509Certificate(der))
}

/** What a client that trusts the Secret's ca.crt sees. */
function assertTrusted(secret: Secret, { certPem, keyPem }: ServingCertificate): void {
  const certificate = new X509Certificate(certPem)
  assert.ok(published(secret).some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey)))
  assert.match(keyPem, /PRIVATE KEY/)
}

suite("the listener's CA in a Secret", () => {
  test('replicas that start at once on an empty namespace end up with one CA', async (t) => {
    const { server, replica, secret } = await aNamespace(t)
    const replicas = Array.from({ length: 8 }, () => replica())
    const served = await Promise.all(replicas.map((one) => one.current(start)))
    assert.equal(published(secret()).length, 1)
    for (const one of served) assertTrusted(secret(), one)
    for (const one of replicas) assert.equal(await one.caPem(), text(secret(), 'ca.crt'))
    assert.equal(secret().metadata.labels?.['app.kubernetes.io/managed-by'], 'certctl')
    assert.ok(!Object.keys(secret().data ?? {}).includes('tls.key'), 'a leaf is in the Secret')
    const creates = server.requests.filter(({ method }) => method === 'POST')
    assert.ok(creates.length > 1, 'nobody lost the race')
  })

  test('replicas with other external URLs each serve their own names, and write nothing', async (t) => {
    const { server, replica, secret } = await aNamespace(t)
    const [one, other] = [replica('https://one.example.com'), replica('https://other.example.com')]
    const first = [await one.current(start), await other.current(start)]
    const again = [await one.current(after(59)), await other.current(after(59))]
    assert.deepEqual(again, first)
    assert.deepEqual(
      first.map(({ certPem }) => new X509Certificate(certPem).checkHost('other.example.com')),
      [undefined, 'other.example.com'],
    )
    const renewed = await one.current(after(61))
    assert.notEqual(renewed.certPem, first[0]?.certPem)
    assertTrusted(secret(), renewed)
    const writes = server.requests.filter(({ method }) => method !== 'GET')
    assert.equal(writes.length, 1)
  })

  test('a successor is published by one, known to all, and signs after its notice', async (t) => {
    const { replica, secret } = await aNamespace(t)
    const replicas = [replica(), replica(), replica()]
    const currentOfAll = (now: Date): Promise<ServingCertificate[]> =>
      Promise.all(replicas.map((one) => one.current(now)))
    await currentOfAll(start)
    const [old] = published(secret())

    const during = await currentOfAll(after(3650 - 364))
    const [, next] = published(secret())
    assert.equal(published(secret()).length, 2)
    for (const { certPem } of during) assert.ok(new X509Certificate(certPem).verify(old?.publicKey ?? assert.fail()))
    for (const one of replicas) assert.equal(await one.caPem(), text(secret(), 'ca.crt'))

    const later = await currentOfAll(after(3650 - 364 + 31))
    for (const { certPem } of later) assert.ok(new X509Certificate(certPem).verify(next?.publicKey ?? assert.fail()))
    assert.equal(published(secret()).length, 2, 'the old CA is still trusted')
    assert.equal(secret().data?.['ca-next.key'], undefined)
  })

  test('a Secret that is deleted is put back as it was', async (t) => {
    const { server, replica, secret } = await aNamespace(t)
    const [one, other] = [replica(), replica()]
    const served = await one.current(start)
    await other.current(start)
    const { data } = secret()
    server.remove(secrets, ref)
    assert.deepEqual(await Promise.all([one.current(start), other.current(start)]).then(([first]) => first), served)
    assert.deepEqual(secret().data, data)
  })

  test('without its key the CA is replaced at once, and the old one is still trusted', async (t) => {
    const { server, replica, secret } = await aNamespace(t)
    const [one, other] = [replica(), replica()]
    const before = await one.current(start)
    const { 'ca.key': _, ...data } = secret().data ?? {}
    server.write(secrets, { ...secret(), data })
    const renewed = await Promise.all([one.current(start), other.current(start)])
    assert.equal(published(secret()).length, 2)
    assert.notEqual(renewed[0].certPem, before.certPem)
    for (const leaf of [before, ...renewed]) assertTrusted(secret(), leaf)
  })

  test('what others keep in the Secret stays', async (t) => {
    const { server, replica, secret } = await aNamespace(t)
    const metadata = { ...ref, annotations: { 'example.com/owner': 'somebody' } }
    server.write<Secret>(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      data: { note: 'aGVsbG8=', 'ca.key': '' },
    })
    await replica().current(start)
    assert.equal(text(secret(), 'note'), 'hello')
    assert.equal(secret().metadata.annotations?.['example.com/owner'], 'somebody')
    assert.equal(published(secret()).length, 1)
  })

  test('a key that is none is named, and what is served goes on', async (t) => {
    const { server, replica, secret } = await aNamespace(t)
    const one = replica()
    await one.current(start)
    const { data } = secret()
    server.write(secrets, { ...secret(), data: { ...data, 'ca.key': Buffer.from('nothing').toString('base64') } })
    await assert.rejects(one.current(start), /ca\.key of the listener's CA holds no private key; take it away/)
    server.write(secrets, { ...secret(), data: data ?? {} })
    assertTrusted(secret(), await one.current(start))
  })

  test('an API server that refuses is an error, and nothing is made up', async (t) => {
    const { server, replica } = await aNamespace(t)
    server.fail({ path: 'secrets', answer: { status: 403 } })
    const one = replica()
    await assert.rejects(one.current(start), { name: 'KubernetesApiError', status: 403 })
    assert.equal(await one.caPem(), undefined)
    server.recover()
    await one.current(start)
  })
})
