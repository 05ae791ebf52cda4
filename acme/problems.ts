/**
 * The error types of RFC 8555 section 6.7 and of its companions, with the status each is answered with. Where the RFC
 * dictates the status, its section stands beside it; the others follow HTTP's own meaning of 400 and 403.
 */
export const problemStatuses = {
  accountDoesNotExist: 400, // section 7.3.1
  alreadyReplaced: 409, // RFC 9773 section 5
  alreadyRevoked: 400, // section 7.6
  badCSR: 400,
  badNonce: 400, // section 6.5
  badPublicKey: 400, // section 6.2
  badRevocationReason: 400,
  badSignatureAlgorithm: 400, // section 6.2
  caa: 403,
  compound: 400, // section 6.7.1 shows 403 in an example; the subproblems decide what the client can do
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  invalidProfile: 400, // draft-ietf-acme-profiles section 5
  malformed: 400,
  orderNotReady: 403, // section 7.4
  rateLimited: 429, // section 6.6 names the type, RFC 6585 section 4 the status
  rejectedIdentifier: 403,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403, // section 7.3.3
} as const satisfies Record<string, number>

export type ProblemType = keyof typeof problemStatuses

/** An identifier as a problem document shows it: what the client sent, whatever its type. */
export interface ProblemIdentifier {
  readonly type: string
  readonly value: string
}

/** Section 6.7.1: what is wrong with one identifier of several. */
export interface Subproblem {
  readonly type: ProblemType
  readonly detail: string
  readonly identifier: ProblemIdentifier
}

/** What any problem may carry. */
interface ProblemExtras {
  /** Instead of the table's, for example 401 for a deactivated account (section 7.3.6) or 405. */
  readonly status?: number
  /** Sent as Retry-After. */
  readonly retryAfterSeconds?: number
  /** Further response headers, for example the Location of the account that holds a key (section 7.3.5). */
  readonly headers?: Readonly<Record<string, string>>
  /** For the log; never shown to the client. */
  readonly cause?: unknown
}

/** What the RFC demands, or allows, beside one type. */
interface ExtrasByType {
  /** Section 6.2: "The problem document returned with the error MUST include an "algorithms" field". */
  readonly badSignatureAlgorithm: { readonly algorithms: readonly string[] }
  /** Section 6.6: "the server SHOULD send a Retry-After header field". */
  readonly rateLimited: { readonly retryAfterSeconds: number }
  /** Section 7.3.3: the URL that a person must visit. */
  readonly userActionRequired: { readonly instance: string }
  /** Section 6.7: details are in the subproblems, so a compound problem without any says nothing. */
  readonly compound: { readonly subproblems: readonly Subproblem[] }
  readonly malformed: { readonly subproblems?: readonly Subproblem[] }
  readonly rejectedIdentifier: { readonly subproblems?: readonly Subproblem[] }
  readonly unsupportedIdentifier: { readonly subproblems?: readonly Subproblem[] }
}

type ExtrasOf<T extends ProblemType> = ProblemExtras & (T extends keyof ExtrasByType ? ExtrasByType[T] : object)

type ProblemFactory<T extends ProblemType> =
  object extends ExtrasOf<T>
    ? (detail: string, extras?: ExtrasOf<T>) => AcmeProblem
    : (detail: string, extras: ExtrasOf<T>) => AcmeProblem

interface ProblemFields extends ProblemExtras {
  readonly subproblems?: readonly Subproblem[]
  readonly algorithms?: readonly string[]
  readonly instance?: string
}

/**
 * A refusal that the client is told about. `detail` is a sentence for the person who runs the client: what was wrong,
 * what was expected, and nothing of the server's insides. Made by the factories of `problem`.
 */
export class AcmeProblem extends Error {
  readonly type: ProblemType
  readonly status: number
  readonly detail: string
  readonly subproblems: readonly Subproblem[] | undefined
  readonly algorithms: readonly string[] | undefined
  readonly instance: string | undefined
  /** Whole seconds, at least one. */
  readonly retryAfterSeconds: number | undefined
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(type: ProblemType, detail: string, fields: ProblemFields = {}) {
    super(detail, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'AcmeProblem'
    this.type = type
    this.status = fields.status ?? problemStatuses[type]
    this.detail = detail
    this.subproblems = fields.subproblems
    this.algorithms = fields.algorithms
    this.instance = fields.instance
    this.retryAfterSeconds =
      fields.retryAfterSeconds === undefined ? undefined : Math.max(1, Math.ceil(fields.retryAfterSeconds))
    this.headers = fields.headers
  }
}

// Object.fromEntries forgets which key holds which factory; the loop over the table's own keys restores it.
type ProblemFactories = { readonly [T in ProblemType]: ProblemFactory<T> }

/** One factory per type, so that call sites read as sentences: `throw problem.badNonce('…')`. */
export const problem = Object.fromEntries(
  Object.keys(problemStatuses).map((type) => [
    type,
    (detail: string, fields?: ProblemFields) => new AcmeProblem(type as ProblemType, detail, fields),
  ]),
) as ProblemFactories

/**
 * The database or the signer is away, or the server is overloaded or draining. Clients give up on a 4xx, so whatever
 * passes by itself is a 503 that says when to come back.
 */
export function serviceUnavailable(detail: string, retryAfterSeconds: number, cause?: unknown): AcmeProblem {
  return problem.serverInternal(detail, { status: 503, retryAfterSeconds, cause })
}

/** A request of a few kilobytes may name thousands of identifiers; the first ones tell enough. */
const shownSubproblems = 100

/** What is wrong with several identifiers, as one problem of their common type, or `compound` when they differ. */
export function identifierProblem(subproblems: readonly [Subproblem, ...Subproblem[]]): AcmeProblem {
  const [first, ...others] = subproblems
  const type = others.every((other) => other.type === first.type) ? first.type : 'compound'
  const detail =
    others.length === 0 ? first.detail : `${subproblems.length} identifiers were refused; the subproblems say why.`
  return new AcmeProblem(type, detail, { subproblems: subproblems.slice(0, shownSubproblems) })
}

/** The urn of a type, as documents and subproblems name it. */
export function problemUrn(type: ProblemType): string {
  return `urn:ietf:params:acme:error:${type}`
}

/** A problem document of RFC 7807. */
export interface ProblemDocument {
  readonly type: string
  readonly detail: string
  readonly status?: number
  readonly subproblems?: readonly { type: string; detail: string; identifier: ProblemIdentifier }[]
  readonly algorithms?: readonly string[]
  readonly instance?: string
}

/**
 * Promises the document to send or to store: members are omitted, never null, since strict clients stumble over null.
 * Identifiers appear in subproblems only; section 6.7.1 forbids them at the top level.
 */
export function toDocument(problem: AcmeProblem): ProblemDocument {
  const { type, detail, status, subproblems, algorithms, instance } = problem
  return {
    type: problemUrn(type),
    detail,
    status,
    ...(subproblems && { subproblems: subproblems.map((each) => ({ ...each, type: problemUrn(each.type) })) }),
    ...(algorithms && { algorithms }),
    ...(instance !== undefined && { instance }),
  }
}
