import { CaError } from './errors.ts'

export interface ValidityRequest {
  readonly requestedNotBefore?: Date | undefined
  readonly requestedNotAfter?: Date | undefined
  readonly now: Date
  readonly defaultSeconds: number
  readonly maxSeconds: number
  readonly backdateSeconds: number
  readonly issuerNotBefore: Date
  readonly issuerNotAfter: Date
}

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
  /** Policy or issuer granted another time than was asked for (or, where none was, less than the default). */
  readonly clamped: boolean
}

/**
 * When a leaf is to be valid, in whole seconds. notAfter counts as valid itself (RFC 5280 section 4.1.2.5), so a leaf
 * of an hour ends 3599 seconds after it begins. Backdating for slow clocks is part of the duration, not added to it,
 * and no request reaches past `now + maxSeconds`. 'validity-impossible' where nothing of what was asked for can be
 * granted, 'validity-outside-issuer' where the issuer isn't valid now.
 */
export function leafValidity(request: ValidityRequest): Validity {
  const now = toSeconds(request.now)
  const issuer = { from: Math.ceil(request.issuerNotBefore.getTime() / 1000), to: toSeconds(request.issuerNotAfter) }
  if (now < issuer.from || now > issuer.to) {
    throw new CaError('validity-outside-issuer', 'the issuing CA itself is not valid at this time')
  }
  const earliest = Math.max(now - request.backdateSeconds, issuer.from)
  const wantedStart = request.requestedNotBefore ? toSeconds(request.requestedNotBefore) : earliest
  const start = Math.max(wantedStart, earliest)
  const longest = Math.min(start + request.maxSeconds, now + request.maxSeconds) - 1
  const wantedEnd = request.requestedNotAfter
    ? toSeconds(request.requestedNotAfter)
    : start + request.defaultSeconds - 1
  const end = Math.min(wantedEnd, longest, issuer.to)
  if (end < start || end < now) {
    throw new CaError('validity-impossible', impossible(request, Math.min(longest, issuer.to)))
  }
  return {
    notBefore: new Date(start * 1000),
    notAfter: new Date(end * 1000),
    clamped: start !== wantedStart || end !== wantedEnd,
  }
}

function impossible(request: ValidityRequest, latest: number): string {
  const wanted = [
    request.requestedNotBefore && `notBefore ${request.requestedNotBefore.toISOString()}`,
    request.requestedNotAfter && `notAfter ${request.requestedNotAfter.toISOString()}`,
  ].filter((part) => part !== undefined)
  const asked = wanted.length === 0 ? 'the default validity' : wanted.join(' and ')
  return `${asked} leaves no time between now, ${request.now.toISOString()}, and the last moment that can be granted, ${new Date(latest * 1000).toISOString()}`
}

function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
