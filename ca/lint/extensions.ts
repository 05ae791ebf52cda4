import type { TbsCertificate } from '../certificate-reader.ts'
import { oids } from '../der/oids.ts'
import { DerError } from '../der/reader.ts'
import {
  readAuthorityInfoAccess,
  readAuthorityKeyIdentifier,
  readCrlDistributionPoints,
  readSubjectKeyIdentifier,
} from '../extension-reader.ts'
import { keyIdentifier } from '../key-identifier.ts'
import { sameOctets } from '../octets.ts'
import { sameList } from './rules.ts'

/** Where a certificate says its issuer's certificate, CRL and OCSP responder are. */
export interface ExpectedUrls {
  readonly caIssuers?: readonly string[] | undefined
  readonly crlDistributionPoints?: readonly string[] | undefined
  readonly ocsp?: readonly string[] | undefined
}

/** The value of an extension. Throws DerError where it is missing. */
export function extensionValue(tbs: TbsCertificate, oid: string): Uint8Array {
  const valueDer = optionalValue(tbs, oid)
  if (!valueDer) throw new DerError(`the extension ${oid} is missing`)
  return valueDer
}

function optionalValue(tbs: TbsCertificate, oid: string): Uint8Array | undefined {
  return tbs.extensions.find((extension) => extension.oid === oid)?.valueDer
}

/** Exactly these extensions, those with `true` critical and the others not; `undefined` must be absent. */
export function extensionSet(
  tbs: TbsCertificate,
  expected: Readonly<Record<string, boolean | undefined>>,
): string | undefined {
  for (const { oid, critical } of tbs.extensions) {
    if (expected[oid] === undefined) return `the extension ${oid} is not expected`
    if (expected[oid] !== critical) return `the extension ${oid} must ${critical ? 'not ' : ''}be critical`
  }
  const missing = Object.keys(expected).find(
    (oid) => expected[oid] !== undefined && !tbs.extensions.some((extension) => extension.oid === oid),
  )
  return missing === undefined ? undefined : `the extension ${missing} is missing`
}

/** The extensions that URLs call for, in the form that `extensionSet` takes: neither is ever critical. */
export function urlExtensions({ caIssuers = [], crlDistributionPoints = [], ocsp = [] }: ExpectedUrls): {
  [oid: string]: boolean | undefined
} {
  return {
    [oids.authorityInfoAccess]: caIssuers.length + ocsp.length > 0 ? false : undefined,
    [oids.cRLDistributionPoints]: crlDistributionPoints.length > 0 ? false : undefined,
  }
}

export function subjectKeyId(tbs: TbsCertificate): string | undefined {
  const found = readSubjectKeyIdentifier(extensionValue(tbs, oids.subjectKeyIdentifier))
  return sameOctets(found, keyIdentifier(tbs.subjectPublicKeyInfoDer))
    ? undefined
    : 'the subject key identifier is not the hash of the key'
}

export function authorityKeyId(tbs: TbsCertificate, issuerKeyId: Uint8Array): string | undefined {
  const { keyId, alone } = readAuthorityKeyIdentifier(extensionValue(tbs, oids.authorityKeyIdentifier))
  return alone && sameOctets(keyId, issuerKeyId)
    ? undefined
    : "the authority key identifier is not the issuing CA's key identifier alone"
}

/** Both extensions that hold URLs, and what RFC 5280 sections 4.2.1.13 and 4.2.2.1 demand of the URLs: absolute, ASCII. */
export function urls(tbs: TbsCertificate, expected: ExpectedUrls): string | undefined {
  const access = optionalValue(tbs, oids.authorityInfoAccess)
  const points = optionalValue(tbs, oids.cRLDistributionPoints)
  const found = [
    ...(access ? readAuthorityInfoAccess(access).map(({ method, url }) => `${method} ${url}`) : []),
    ...(points ? readCrlDistributionPoints(points).map((url) => `crl ${url}`) : []),
  ]
  const wanted = [
    ...(expected.ocsp ?? []).map((url) => `ocsp ${url}`),
    ...(expected.caIssuers ?? []).map((url) => `caIssuers ${url}`),
    ...(expected.crlDistributionPoints ?? []).map((url) => `crl ${url}`),
  ]
  if (!sameList(found, wanted)) return `the URLs are ${found.join(', ')} and not ${wanted.join(', ')}`
  const bad = found.find((url) => !/^\w+ https?:\/\/[!-~]+$/.test(url))
  return bad && `${bad} is not an absolute HTTP URL`
}
