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
import { sameList, sameOctets } from './rules.ts'

/** Where a certificate says its issuer's certificate, CRL and OCSP responder are. */
export interface ExpectedUrls {
  readonly caIssuers?: readonly string[] | undefined
  readonly crlDistributionPoints?: readonly string[] | undefined
  readonly ocsp?: readonly string[] | undefined
}

/** The value of an extension. Throws DerError where it is missing. */
export function extensionValue(tbs: TbsCertificate, oid: string): Uint8Array {
  const extension = tbs.extensions.find((candidate) => candidate.oid === oid)
  if (!extension) throw new DerError(`the extension ${oid} is missing`)
  return extension.valueDer
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
  const found = {
    ...(has(tbs, oids.authorityInfoAccess)
      ? readAuthorityInfoAccess(extensionValue(tbs, oids.authorityInfoAccess))
      : { ocsp: [], caIssuers: [] }),
    crlDistributionPoints: has(tbs, oids.cRLDistributionPoints)
      ? readCrlDistributionPoints(extensionValue(tbs, oids.cRLDistributionPoints))
      : [],
  }
  for (const kind of ['ocsp', 'caIssuers', 'crlDistributionPoints'] as const) {
    if (!sameList(found[kind], expected[kind] ?? [])) return `the URLs of ${kind} are not the planned ones`
    const bad = found[kind].find((url) => !/^https?:\/\/[!-~]+$/.test(url))
    if (bad !== undefined) return `${bad} is not an absolute HTTP URL`
  }
  return undefined
}

function has(tbs: TbsCertificate, oid: string): boolean {
  return tbs.extensions.some((extension) => extension.oid === oid)
}
