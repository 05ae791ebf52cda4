import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodePem } from '../ca/index.ts'
import { temporaryFolder } from './testing/standalone.ts'
import { broughtCertificate, ownCertificate, servingHosts } from './tls.ts'
import type { ServingCertificate } from './tls-leaf.ts'

const start = new Date('2026-06-01T00:00:00Z')
const hosts = servingHosts(['https://acme.example.com', 'https://[fd00::1]:8443', 'https://localhost:8443'])

const after = (days: number): Date => new Date(start.getTime() + days * 24 * 3600 * 1000)

async function published(folder: string): Promise<X509Certificate[]> {
  return decodePem(await readFile(join(folder, 'ca.crt'), 'utf8'), 'CERTIFICATE').map((der) => new X509Certificate(der))
}

/** What a client that trusts ca.crt sees. */
async function assertTrusted(folder: string, { certPem, keyPem }: ServingCertificate): Promise<void> {
  const certificate = new X509Certificate(certPem)
  assert.ok((await published(folder)).some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey)))
  assert.match(keyPem, /PRIVATE KEY/)
}

test('the certificate is for the external URLs and this machine, and its keys are private', async (t) => {
  const folder = join(await temporaryFolder(t), 'tls')
  const served = await ownCertificate(folder, hosts).current(start)
  const certificate = new X509Certificate(served.certPem)
  assert.deepEqual(hosts, ['acme.example.com', 'fd00::1', 'localhost', '127.0.0.1', '::1'])
  for (const name of ['acme.example.com', 'localhost']) assert.equal(certificate.checkHost(name), name)
  for (const address of ['127.0.0.1', '::1', 'fd00::1']) assert.equal(certificate.checkIP(address), address)
  await assertTrusted(folder, served)
  assert.equal(await readFile(join(folder, 'tls.crt'), 'utf8'), served.certPem)
  for (const file of ['tls.key', 'ca.key']) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file)
})

test('it stays the same until it is due, and a new process finds it', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await ownCertificate(folder, hosts).current(start)
  assert.deepEqual(await ownCertificate(folder, hosts).current(after(59)), first)
  const renewed = await ownCertificate(folder, hosts).current(after(61))
  assert.notEqual(renewed.certPem, first.certPem)
  assert.equal((await published(folder)).length, 1)
  await assertTrusted(folder, renewed)
})

test('another external URL, a lost key and a foreign key each bring a new certificate', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await ownCertificate(folder, hosts).current(start)
  const more = await ownCertificate(folder, [...hosts, 'ca.example.net']).current(start)
  assert.notEqual(more.certPem, first.certPem)
  await rm(join(folder, 'tls.key'))
  const afterLoss = await ownCertificate(folder, hosts).current(start)
  assert.notEqual(afterLoss.certPem, more.certPem)
  await writeFile(join(folder, 'tls.key'), first.keyPem)
  const afterForeign = await ownCertificate(folder, hosts).current(start)
  assert.ok(
    new X509Certificate(afterForeign.certPem).publicKey.equals(new X509Certificate(afterForeign.certPem).publicKey),
  )
  assert.notEqual(afterForeign.certPem, afterLoss.certPem)
  await assertTrusted(folder, afterForeign)
})

test('a new CA is published a month before a leaf of it is served', async (t) => {
  const folder = await temporaryFolder(t)
  const certificates = ownCertificate(folder, hosts)
  await certificates.current(start)
  const [old] = await published(folder)

  const nearEnd = 3650 - 364
  const during = await certificates.current(after(nearEnd))
  const both = await published(folder)
  assert.equal(both.length, 2, 'the next CA is not published')
  assert.ok(
    new X509Certificate(during.certPem).verify(old?.publicKey ?? assert.fail()),
    'a leaf of the next CA is served already',
  )

  const later = await certificates.current(after(nearEnd + 31))
  const next = both[1] ?? assert.fail()
  assert.ok(new X509Certificate(later.certPem).verify(next.publicKey))
  assert.equal((await published(folder)).length, 2, 'the old CA is still trusted')
  await assertTrusted(folder, later)
})

test('after years without a run the certificate is trusted all the same', async (t) => {
  const folder = await temporaryFolder(t)
  await ownCertificate(folder, hosts).current(start)
  const late = after(3700)
  const served = await ownCertificate(folder, hosts).current(late)
  assert.ok(new X509Certificate(served.certPem).validToDate > late)
  await assertTrusted(folder, served)
})

test('ten processes that start at once agree on the CA', async (t) => {
  const folder = await temporaryFolder(t)
  const served = await Promise.all(Array.from({ length: 10 }, () => ownCertificate(folder, hosts).current(start)))
  const last = await ownCertificate(folder, hosts).current(start)
  await assertTrusted(folder, last)
  for (const one of served) await assertTrusted(folder, one)
})

test('processes that put the next CA in its place at once agree on it', async (t) => {
  const folder = await temporaryFolder(t)
  await ownCertificate(folder, hosts).current(start)
  await ownCertificate(folder, hosts).current(after(3650 - 364))
  const [, next] = await published(folder)
  const late = after(3650 - 364 + 31)
  const served = await Promise.all(Array.from({ length: 10 }, () => ownCertificate(folder, hosts).current(late)))
  for (const { certPem } of served) assert.ok(new X509Certificate(certPem).verify(next?.publicKey ?? assert.fail()))
  assert.equal((await published(folder)).length, 2)
})

test('the CAs to trust are told once the certificate has been read', async (t) => {
  const folder = await temporaryFolder(t)
  const certificates = ownCertificate(folder, hosts)
  assert.equal(await certificates.caPem(), undefined)
  await certificates.current(start)
  assert.equal(await certificates.caPem(), await readFile(join(folder, 'ca.crt'), 'utf8'))
  await certificates.current(after(3650 - 364))
  assert.equal(decodePem((await certificates.caPem()) ?? '', 'CERTIFICATE').length, 2)
})

test('a certificate that was brought along is reread, and refused without its key', async (t) => {
  const folder = await temporaryFolder(t)
  const { certPem, keyPem } = await ownCertificate(join(folder, 'own'), hosts).current(start)
  const files = { certFile: join(folder, 'a.crt'), keyFile: join(folder, 'a.key') }
  await writeFile(files.certFile, certPem)
  await writeFile(files.keyFile, keyPem)
  const brought = broughtCertificate(files)
  assert.deepEqual(await brought.current(start), { certPem, keyPem })
  const other = await ownCertificate(join(folder, 'other'), hosts).current(start)
  await writeFile(files.keyFile, other.keyPem)
  await assert.rejects(brought.current(start), /does not belong to the certificate/)
})
