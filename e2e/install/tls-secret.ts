import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secrets } from '../cluster/kinds.ts'
import { makeListenerCertificate } from '../harness/openssl.ts'
import type { Ground } from './ground.ts'

/** Puts a certificate for these hosts into a Secret, and returns the CA that it comes from, which is there too. */
export async function putCertificate(
  ground: Ground,
  { name, namespace, hosts }: { name: string; namespace: string; hosts: readonly string[] },
): Promise<string> {
  const folder = join(ground.folder, `${name}-${namespace}`)
  await mkdir(folder)
  const files = await makeListenerCertificate(folder, hosts)
  const ca = await readFile(files.caFile, 'utf8')
  await ground.api.apply(secrets, {
    metadata: { name, namespace },
    type: 'kubernetes.io/tls',
    stringData: {
      'tls.crt': await readFile(files.certificateFile, 'utf8'),
      'tls.key': await readFile(files.keyFile, 'utf8'),
      'ca.crt': ca,
    },
  })
  return ca
}
