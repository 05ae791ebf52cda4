import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ownCertificate } from '../tls.ts'
import { temporaryFolder } from './standalone.ts'

/** PEM of a server of these hosts and of what its clients trust, new on each call and valid now. */
export async function servingTls(
  t: TestContext,
  hosts: readonly string[] = ['127.0.0.1'],
): Promise<{ key: string; cert: string; ca: string }> {
  const folder = await temporaryFolder(t)
  const { keyPem, certPem } = await ownCertificate(folder, hosts).current(new Date())
  return { key: keyPem, cert: certPem, ca: await readFile(join(folder, 'ca.crt'), 'utf8') }
}
