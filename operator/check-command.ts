import { readConfig } from './config.ts'
import { declare } from './controllers/declared.ts'
import { readManifests } from './manifests/folder.ts'
import { mistakeLine } from './manifests/manifest.ts'

/** `certctl check`: prints every mistake in a folder of manifests; 1 where there is one. */
export async function checkManifests(folder: string): Promise<0 | 1> {
  const { config } = readConfig()
  const snapshot = await readManifests(folder, { defaultNamespace: config.namespace })
  const { mistakes, issuers, profiles } = declare(snapshot)
  for (const mistake of mistakes) process.stdout.write(`${mistakeLine(mistake)}\n`)
  for (const title of snapshot.ignored) process.stdout.write(`${title} is not for certctl and was passed over\n`)
  if (mistakes.length > 0) return 1
  process.stdout.write(`no mistakes in ${issuers.length} Issuers and ${profiles.length} CertificateProfiles\n`)
  return 0
}
