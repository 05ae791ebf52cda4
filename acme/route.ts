import type { TargetKind } from '../store/request.ts'
import type { AcmeDeps } from './deps.ts'
import { emptyPayload } from './payloads.ts'
import type { Reply } from './reply.ts'
import {
  authenticateAccount,
  authenticateKey,
  type AccountRequest,
  type IncomingRequest,
  type SelfSignedRequest,
} from './request.ts'

/** One resource: how it is asked, and what answers once the request is authenticated. */
export interface Route {
  /** The name in metrics and logs. */
  readonly endpoint: string
  readonly method: 'GET' | 'POST'
  /** Below the directory's path. */
  readonly path: string
  /** Throws an AcmeProblem for what the client did wrong, anything else for what we did. */
  answer(deps: AcmeDeps, request: IncomingRequest, observe: Observe): Promise<Reply>
}

/** Told who asks, as soon as that is proven, for the log line. */
export type Observe = (fields: { readonly accountId: string }) => void

type Handler<Request> = (deps: AcmeDeps, request: Request) => Reply | Promise<Reply>
type PayloadParser<Payload> = (payload: Buffer) => Payload

/** A resource that anyone may read, unsigned. */
export function open(endpoint: string, method: 'GET', path: string, handler: Handler<IncomingRequest>): Route {
  return { endpoint, method, path, answer: async (deps, request) => handler(deps, request) }
}

/** A request signed by the key that it carries. */
export function selfSigned<Payload>(
  endpoint: string,
  path: string,
  parsePayload: PayloadParser<Payload>,
  handler: Handler<SelfSignedRequest<Payload>>,
): Route {
  return {
    endpoint,
    method: 'POST',
    path,
    async answer(deps, request) {
      const { key, payload } = await authenticateKey(deps, request)
      return handler(deps, { ...request, key, payload: parsePayload(payload) })
    },
  }
}

/** A request of an account, with the resource of that account which `:id` names. */
export function account<Payload, Kind extends TargetKind | 'none' = 'none'>(
  ...[endpoint, path, parsePayload, handler, kind]: [
    endpoint: string,
    path: string,
    parsePayload: PayloadParser<Payload>,
    handler: Handler<AccountRequest<Payload, Kind>>,
    ...kind: Kind extends 'none' ? [] : [Kind],
  ]
): Route {
  return {
    endpoint,
    method: 'POST',
    path,
    async answer(deps, request, observe) {
      const authenticated = await authenticateAccount<Kind>(deps, request, (kind ?? 'none') as Kind)
      observe({ accountId: authenticated.account.id })
      return handler(deps, { ...request, ...authenticated, payload: parsePayload(authenticated.payload) })
    },
  }
}

/** POST-as-GET, RFC 8555 section 6.3: the payload must be empty. */
export function accountGet<Kind extends TargetKind | 'none' = 'none'>(
  ...[endpoint, path, handler, ...kind]: [
    endpoint: string,
    path: string,
    handler: Handler<AccountRequest<undefined, Kind>>,
    ...kind: Kind extends 'none' ? [] : [Kind],
  ]
): Route {
  return account<undefined, Kind>(endpoint, path, emptyPayload, handler, ...kind)
}
