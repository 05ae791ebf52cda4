import type { Log } from '../../../acme/ports.ts'
import { apiVersion } from '../../api/fields.ts'
import { isAlreadyExists, KubernetesApiError } from '../../kubernetes/api-error.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { CustomResource } from '../../kubernetes/objects.ts'
import { certificateProfiles, issuers } from '../../kubernetes/resources.ts'
import { readManifests } from '../../manifests/folder.ts'
import { mistakeLine, objectTitle } from '../../manifests/manifest.ts'
import { valueAt } from './custom-object.ts'

const resources = { Issuer: issuers, CertificateProfile: certificateProfiles }

/**
 * Makes the Issuers and CertificateProfiles of a folder, so that a fresh installation has some to begin with. One that
 * exists is left as it is, whatever it says; one that the API server refuses is told of and passed over. False where
 * the API server could not be asked, so that it is to be tried again.
 */
export async function createInitialObjects(
  { client, log, folder, ownNamespace }: { client: KubernetesClient; log: Log; folder: string; ownNamespace: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { manifests, mistakes } = await readManifests(folder, { defaultNamespace: ownNamespace })
  for (const mistake of mistakes) log.error({ folder }, mistakeLine(mistake))
  let isComplete = true
  // Issuers first: a profile that comes before its Issuer would begin with a warning.
  for (const manifest of manifests.toSorted((a, b) => Number(b.kind === 'Issuer') - Number(a.kind === 'Issuer'))) {
    const { kind, namespace, name, content } = manifest
    if (kind === 'Secret') continue
    const resource = resources[kind]
    const object: CustomResource = { apiVersion, kind, metadata: { namespace, name }, spec: valueAt(content, 'spec') }
    const fields = { object: objectTitle(manifest) }
    try {
      await client.create(resource, object, signal)
      log.info(fields, 'made, since it was not there')
    } catch (err) {
      if (isAlreadyExists(err)) continue
      log.warn({ ...fields, err }, 'could not be made')
      isComplete &&= err instanceof KubernetesApiError && err.status < 500 && err.status !== 429
    }
  }
  return isComplete
}
