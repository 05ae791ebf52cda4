import type { AcmeDeps } from '../deps.ts'
import type { Reply } from '../reply.ts'
import type { IncomingRequest } from '../request.ts'

/** RFC 8555 section 7.2: the nonce itself is a header that every answer carries. */
export function newNonce(_deps: AcmeDeps, request: IncomingRequest): Reply {
  return { status: request.method === 'HEAD' ? 200 : 204 }
}

/** RFC 8555 section 7.1.1. It names what the route table holds, so that nothing is advertised that does not work. */
export function directory(deps: AcmeDeps, request: IncomingRequest): Reply {
  const { links } = request
  return {
    status: 200,
    json: {
      newNonce: links.newNonce,
      newAccount: links.newAccount,
      newOrder: links.newOrder,
      meta: directoryMeta(deps, request),
    },
  }
}

function directoryMeta(deps: AcmeDeps, { directory }: IncomingRequest): object {
  const { meta } = directory.profile.policy
  const profiles = directory.key === 'default' ? deps.profiles.list() : [directory.profile]
  return {
    ...(meta.termsOfService !== undefined && { termsOfService: meta.termsOfService }),
    ...(meta.website !== undefined && { website: meta.website }),
    ...(meta.caaIdentities && meta.caaIdentities.length > 0 && { caaIdentities: meta.caaIdentities }),
    profiles: Object.fromEntries(profiles.map(({ id, policy }) => [id, describe(policy.validity.defaultSeconds)])),
  }
}

/** draft-ietf-acme-profiles section 3 wants a description, or a URL of one, for people. */
function describe(seconds: number): string {
  const hours = seconds / 3600
  return hours % 24 === 0 ? `certificates of ${hours / 24} days` : `certificates of ${hours} hours`
}
