import type { CertificateRequest, GeneralName } from '../ca/index.ts'
import { findNameFault, isWildcard, quoted } from './dns-names.ts'
import { isJsonObject } from './jose/json.ts'
import { identifierProblem, problem, type Subproblem } from './problems.ts'

/** A DNS name as it will stand in the certificate: lower case, A-labels, `*.` in front where it is a wildcard. */
export interface Identifier {
  readonly type: 'dns'
  readonly value: string
}

/**
 * Promises the identifiers of a newOrder payload (RFC 8555 section 7.4) in the client's order. Names are lower-cased, as
 * DNS and CSRs are compared, and repeated ones collapse: clients send both, and Boulder answers them so. Throws
 * `malformed` or `unsupportedIdentifier` with a subproblem for each identifier that is at fault.
 */
export function parseIdentifiers(value: unknown): Identifier[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw problem.malformed('"identifiers" must be an array of at least one identifier.')
  }
  const claims = value.map(parseClaim)
  throwFaults(claims.flatMap((claim) => findFault(claim) ?? []))
  const names = new Set(claims.map((claim) => claim.value.toLowerCase()))
  return [...names].map((name) => ({ type: 'dns', value: name }))
}

/**
 * Promises the identifier of a newAuthz payload. Section 7.4.1: "pre-authorization cannot be used to authorize issuance
 * of certificates containing wildcard domain names."
 */
export function parsePreauthorizedIdentifier(value: unknown): Identifier {
  const [identifier] = parseIdentifiers([value])
  if (identifier && !isWildcard(identifier.value)) return identifier
  throw problem.malformed('A wildcard cannot be authorized in advance; order it with newOrder.')
}

/**
 * Throws `badCSR` unless the CSR asks for exactly the order's names. RFC 8555 section 7.4: "The CSR MUST indicate the
 * exact same set of requested identifiers as the initial newOrder request", in the common name, the subjectAltName, or
 * both. A name of any other type is a name the order has not, wherever it hides.
 */
export function compareCsrNames(
  csr: Pick<CertificateRequest, 'commonNames' | 'names'>,
  identifiers: readonly { readonly value: string }[],
): void {
  const ordered = new Set(identifiers.map((identifier) => identifier.value))
  const foreign = csr.names.find((name) => name.type !== 'dns')
  if (foreign) throw problem.badCSR(`The CSR asks for ${inWords(foreign)}, which is not in the order; leave it out.`)
  const requested = new Set(
    [...csr.names.map((name) => name.value), ...csr.commonNames].map((name) => name.toLowerCase()),
  )
  const surplus = requested.difference(ordered)
  if (surplus.size > 0) throw problem.badCSR(`The CSR has names that are not in the order: ${listed(surplus)}.`)
  const missing = ordered.difference(requested)
  if (missing.size > 0) throw problem.badCSR(`The CSR lacks names that are in the order: ${listed(missing)}.`)
}

/** Refusals list every identifier at fault, with its reason. */
export function throwFaults(faults: readonly Subproblem[]): void {
  const [first, ...others] = faults
  if (first) throw identifierProblem([first, ...others])
}

interface Claim {
  readonly type: string
  readonly value: string
}

function parseClaim(claim: unknown): Claim {
  if (isJsonObject(claim)) {
    const { type, value } = claim
    if (typeof type === 'string' && typeof value === 'string') return { type, value }
  }
  throw problem.malformed('Every identifier must be an object with "type" and "value" as strings.')
}

function findFault({ type, value }: Claim): Subproblem | undefined {
  const identifier = { type, value }
  if (type !== 'dns') return { type: 'unsupportedIdentifier', detail: unsupported(type), identifier }
  const fault = findNameFault(value)
  return fault === undefined ? undefined : { type: 'malformed', detail: `${quoted(value)} ${fault}`, identifier }
}

function unsupported(type: string): string {
  if (type === 'ip') return 'IP address identifiers are not offered by this server yet; order a DNS name.'
  return `Identifiers of type ${quoted(type)} are not offered by this server; use "dns".`
}

const namesByType: Record<GeneralName['type'], string> = {
  dns: 'the DNS name',
  ip: 'the IP address',
  email: 'the e-mail address',
  uri: 'the URI',
  directory: 'the directory name',
  'registered-id': 'the registered id',
  other: 'the other name',
}

function inWords({ type, value }: GeneralName): string {
  return `${namesByType[type]} ${quoted(value)}`
}

/** Enough to see what is wrong; an order may have a hundred names. */
const listedNames = 5

function listed(names: ReadonlySet<string>): string {
  const shown = [...names].slice(0, listedNames).map(quoted).join(', ')
  return names.size > listedNames ? `${shown} and ${names.size - listedNames} more` : shown
}
