import type { AcmeDeps } from './deps.ts'
import { problem, serviceUnavailable } from './problems.ts'
import type { Directory } from './request.ts'

/** The accounts of the default directory are its own, whichever profile is the default one. */
const defaultDirectoryKey = 'default'

/** Promises the path of the directory that a request's path lies in. */
export function directoryPath(path: string): string {
  return /^\/acme\/profile\/[^/]+(?=\/|$)/.exec(path)?.[0] ?? '/acme'
}

/** Promises the directory of a profile, or without an id the default one; throws a problem where there is none. */
export async function findDirectory(deps: AcmeDeps, profileId: unknown): Promise<Directory> {
  if (!deps.profiles.loaded) throw serviceUnavailable('The server has not read its profiles yet; try again soon.', 5)
  if (typeof profileId !== 'string') return findDefaultDirectory(deps)
  const profile = await deps.profiles.find(profileId)
  if (!profile) {
    throw problem.malformed(
      `There is no profile "${profileId.slice(0, 128)}" on this server; check the directory URL.`,
      { status: 404 },
    )
  }
  return { key: profile.uuid, path: `/acme/profile/${profile.id}`, profile }
}

async function findDefaultDirectory(deps: AcmeDeps): Promise<Directory> {
  const { defaultProfileId } = deps.config
  const profile = defaultProfileId === undefined ? undefined : await deps.profiles.find(defaultProfileId)
  if (!profile) {
    throw problem.malformed(
      'This server has no default profile; use a directory URL of the form /acme/profile/<id>/directory.',
      { status: 404 },
    )
  }
  return { key: defaultDirectoryKey, path: '/acme', profile }
}
