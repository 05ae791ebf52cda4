import { spendNonce, type SpentNonce, type TargetKind, type TargetView } from '../store/request.ts'
import type { AccountId } from '../store/schema.ts'
import type { AcmeDeps } from './deps.ts'
import { assertClientNetwork } from './client-networks.ts'
import { parseJwk, type AccountKey } from './jose/jwk.ts'
import { parseJws, verifySignature, type Jws } from './jose/jws.ts'
import type { Links } from './links.ts'
import { problem } from './problems.ts'
import type { ServedProfile } from './profiles.ts'
import { isResourceId } from './resource-ids.ts'

/** The directory that a request's path names: accounts belong to one directory and exist in no other. */
export interface Directory {
  /** A profile's uuid, or `default` for the shorthand below `/acme/`. */
  readonly key: string
  /** `/acme` or `/acme/profile/<id>`. */
  readonly path: string
  readonly profile: ServedProfile
}

/** A request as it came from the network, its directory found and nothing of its body trusted. */
export interface IncomingRequest {
  readonly method: string
  /** Path and query as the client sent them. */
  readonly target: string
  readonly contentType: string | undefined
  readonly body: Buffer
  /** As `readClientAddress` promises it. */
  readonly clientAddress: string
  /** The `:id` of the path, empty where the path has none. */
  readonly id: string
  readonly query: URLSearchParams
  readonly directory: Directory
  readonly links: Links
  readonly now: Date
}

/** A request signed by the key it carries (newAccount). */
export interface SelfSignedRequest<Payload> extends IncomingRequest {
  readonly key: AccountKey
  readonly payload: Payload
}

export interface AuthenticatedAccount {
  readonly id: AccountId
  readonly key: AccountKey
  readonly contacts: readonly string[]
  readonly createdAt: Date
  readonly termsAgreedAt: Date | null
}

/** A request signed by an account that is valid, with the resource of that account that the path names. */
export interface AccountRequest<Payload, Kind extends TargetKind | 'none'> extends IncomingRequest {
  readonly account: AuthenticatedAccount
  readonly payload: Payload
  readonly resource: Kind extends TargetKind ? TargetView<Kind> : undefined
}

/**
 * Authenticates a request that carries its key. The checks stand in one order for every request: content type, shape
 * of the JWS, algorithm, exactly one of jwk and kid, key, signature, url, nonce. The nonce comes after the signature
 * so that a stranger cannot burn the nonces of others.
 */
export async function authenticateKey(
  deps: AcmeDeps,
  request: IncomingRequest,
): Promise<{ readonly key: AccountKey; readonly payload: Buffer }> {
  const jws = readJws(request)
  const { jwk } = jws.protectedHeader
  if (jwk === undefined) {
    // RFC 8555 section 6.2: newAccount is signed by a key that no account holds yet.
    throw problem.malformed(
      'This request must carry the account key in the "jwk" member, not a "kid"; see RFC 8555 section 6.2.',
    )
  }
  const key = parseJwk(jwk)
  verifySignature(jws, key.publicKey)
  assertUrl(deps, jws, request)
  assertClientNetwork(request.directory.profile, request.clientAddress)
  await redeem(deps, jws, {})
  return { key, payload: jws.payload }
}

/**
 * Authenticates a request of an account, in the same order. One statement spends the nonce and reads the account's
 * status, its key's version and the resource that the path names, which is found only if the account owns it.
 */
export async function authenticateAccount<Kind extends TargetKind | 'none'>(
  deps: AcmeDeps,
  request: IncomingRequest,
  kind: Kind,
): Promise<{ account: AuthenticatedAccount; payload: Buffer; resource: AccountRequest<unknown, Kind>['resource'] }> {
  const jws = readJws(request)
  const accountId = accountIdOf(deps, jws, request.directory)
  const known = await deps.accountKeys.find(accountId, request.directory.key)
  // Section 6.2: "the server MUST return an error with status code 400 (Bad Request) and type accountDoesNotExist".
  if (!known)
    throw problem.accountDoesNotExist(
      'The "kid" names no account of this directory; register with newAccount and use the URL that its Location header gives.',
    )
  verifySignature(jws, known.key.publicKey)
  assertUrl(deps, jws, request)
  assertClientNetwork(request.directory.profile, request.clientAddress)
  const spent = await redeem(deps, jws, {
    accountId,
    ...(kind !== 'none' && isResourceId(request.id) && { target: { kind, id: request.id } }),
  })
  const account = assertAccountUsable(deps, accountId, known.version, spent)
  return {
    account: { ...account, id: accountId, key: known.key },
    payload: jws.payload,
    resource: resourceOf(kind, spent),
  }
}

function readJws(request: IncomingRequest): Jws {
  // Section 6.2: "MUST have the Content-Type header field set to application/jose+json", otherwise 415.
  if (mediaType(request.contentType) !== 'application/jose+json') {
    throw problem.malformed('Send the request with "Content-Type: application/jose+json".', { status: 415 })
  }
  return parseJws(request.body)
}

function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase()
}

function accountIdOf(deps: AcmeDeps, jws: Jws, directory: Directory): AccountId {
  const { kid } = jws.protectedHeader
  if (kid === undefined) {
    throw problem.malformed(
      'This request must name its account in the "kid" member, not carry a "jwk"; see RFC 8555 section 6.2.',
    )
  }
  for (const externalUrl of deps.config.externalUrls) {
    const prefix = `${externalUrl}${directory.path}/account/`
    const id = kid.slice(prefix.length)
    if (kid.startsWith(prefix) && isResourceId(id)) return id as AccountId
  }
  throw problem.accountDoesNotExist(
    'The "kid" is not an account URL of this directory; use the Location header of the newAccount answer as it stands.',
  )
}

/**
 * Section 6.4: the signed `url` must be the URL that was asked. It is compared with the configured external URLs, so
 * that no Host header and no proxy decides what a signature is good for.
 */
function assertUrl(deps: AcmeDeps, jws: Jws, request: IncomingRequest): void {
  if (deps.config.externalUrls.some((externalUrl) => jws.protectedHeader.url === externalUrl + request.target)) return
  throw problem.unauthorized(
    `The signed "url" must be the URL of this request, ${deps.config.externalUrls[0]}${request.target}; see RFC 8555 section 6.4.`,
  )
}

async function redeem<Kind extends TargetKind>(
  deps: AcmeDeps,
  jws: Jws,
  read: { readonly accountId?: AccountId; readonly target?: { readonly kind: Kind; readonly id: string } },
): Promise<SpentNonce<Kind>> {
  const opened = deps.nonces.open(jws.protectedHeader.nonce ?? '')
  if (!opened) throw badNonce()
  const spent = await spendNonce(deps.db, { ...opened, ttlSeconds: deps.config.nonceTtlSeconds, ...read })
  deps.nonces.observeDatabaseTime(spent.now)
  if (spent.outcome === 'unknown-epoch') await deps.nonces.refreshEpoch()
  if (spent.outcome !== 'spent') throw badNonce()
  return spent
}

function badNonce(): Error {
  // Section 6.5: the client retries with the nonce that this very answer carries.
  return problem.badNonce(
    'The nonce is unknown, expired or was used before; repeat the request with the Replay-Nonce of this answer.',
  )
}

function assertAccountUsable(deps: AcmeDeps, accountId: AccountId, version: number, spent: SpentNonce<TargetKind>) {
  const { account } = spent
  if (!account)
    throw problem.accountDoesNotExist('The account does not exist any more; register again with newAccount.')
  if (account.status !== 'valid') {
    // Section 7.3.6: "The server MUST reject … with status code 401 (Unauthorized) and type unauthorized".
    throw problem.unauthorized(`The account is ${account.status}; register a new one with another key.`, {
      status: 401,
    })
  }
  if (account.keyVersion !== version) {
    deps.accountKeys.forget(accountId)
    throw problem.unauthorized('The account key was changed; sign with the new key.')
  }
  return account
}

function resourceOf<Kind extends TargetKind | 'none'>(
  kind: Kind,
  spent: SpentNonce<TargetKind>,
): AccountRequest<unknown, Kind>['resource'] {
  if (kind !== 'none' && !spent.target) {
    throw problem.malformed(`This account has no such ${kind}; use the URLs that the server gave.`, { status: 404 })
  }
  return spent.target as AccountRequest<unknown, Kind>['resource']
}
