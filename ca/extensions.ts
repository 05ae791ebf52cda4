import { oids } from './der/oids.ts'
import {
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  element,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
} from './der/writer.ts'
import { CaError } from './errors.ts'
import { generalNameTag } from './general-names.ts'
import { parseIpAddress } from './ip-address.ts'
import { keyIdentifier } from './key-identifier.ts'
import { writeNameConstraints } from './name-constraints.ts'
import type { NameConstraints } from './name-constraints.ts'
import { keyUsages } from './usages.ts'
import type { ExtendedKeyUsage, KeyUsage } from './usages.ts'

type ExtensionName =
  | 'authorityInfoAccess'
  | 'authorityKeyIdentifier'
  | 'basicConstraints'
  | 'cRLDistributionPoints'
  | 'extKeyUsage'
  | 'keyUsage'
  | 'nameConstraints'
  | 'subjectAltName'
  | 'subjectKeyIdentifier'

const typeDer: Readonly<Record<ExtensionName, Uint8Array>> = {
  authorityInfoAccess: oid(oids.authorityInfoAccess),
  authorityKeyIdentifier: oid(oids.authorityKeyIdentifier),
  basicConstraints: oid(oids.basicConstraints),
  cRLDistributionPoints: oid(oids.cRLDistributionPoints),
  extKeyUsage: oid(oids.extKeyUsage),
  keyUsage: oid(oids.keyUsage),
  nameConstraints: oid(oids.nameConstraints),
  subjectAltName: oid(oids.subjectAltName),
  subjectKeyIdentifier: oid(oids.subjectKeyIdentifier),
}

function critical(name: ExtensionName, valueDer: Uint8Array): Uint8Array {
  return sequence(typeDer[name], booleanTrue, octetString(valueDer))
}

function uncritical(name: ExtensionName, valueDer: Uint8Array): Uint8Array {
  return sequence(typeDer[name], octetString(valueDer))
}

/** An empty SEQUENCE: cA is FALSE by default, and DER leaves defaults out. */
export const leafBasicConstraints: Uint8Array = critical('basicConstraints', sequence())

export function caBasicConstraints(pathLength: number | undefined): Uint8Array {
  return critical(
    'basicConstraints',
    pathLength === undefined ? sequence(booleanTrue) : sequence(booleanTrue, smallInteger(pathLength)),
  )
}

export function keyUsageExtension(usages: readonly KeyUsage[]): Uint8Array {
  return critical('keyUsage', namedBits(usages.map((usage) => keyUsages.indexOf(usage))))
}

const purposeDer: Readonly<Record<ExtendedKeyUsage, Uint8Array>> = {
  serverAuth: oid(oids.serverAuth),
  clientAuth: oid(oids.clientAuth),
  codeSigning: oid(oids.codeSigning),
  emailProtection: oid(oids.emailProtection),
  timeStamping: oid(oids.timeStamping),
  OCSPSigning: oid(oids.OCSPSigning),
}

export function extKeyUsageExtension(purposes: readonly ExtendedKeyUsage[]): Uint8Array {
  return uncritical('extKeyUsage', sequence(...purposes.map((purpose) => purposeDer[purpose])))
}

export function subjectKeyIdentifierExtension(subjectPublicKeyInfoDer: Uint8Array): Uint8Array {
  return uncritical('subjectKeyIdentifier', octetString(keyIdentifier(subjectPublicKeyInfoDer)))
}

export function authorityKeyIdentifierExtension(issuerKeyId: Uint8Array): Uint8Array {
  return uncritical('authorityKeyIdentifier', sequence(contextPrimitive(0, issuerKeyId)))
}

/** > if the subject field contains an empty sequence, then the issuing CA MUST include a subjectAltName extension that is marked as critical (RFC 5280 section 4.2.1.6). */
export function subjectAltNameExtension(
  names: { dnsNames: readonly string[]; ipAddresses: readonly string[] },
  subjectIsEmpty: boolean,
): Uint8Array {
  const value = sequence(
    ...names.dnsNames.map((name) => element(generalNameTag.dNSName, Buffer.from(name, 'utf8'))),
    ...names.ipAddresses.map((address) => element(generalNameTag.iPAddress, addressOctets(address))),
  )
  return subjectIsEmpty ? critical('subjectAltName', value) : uncritical('subjectAltName', value)
}

function addressOctets(text: string): Uint8Array {
  const octets = parseIpAddress(text)
  if (!octets) throw new CaError('name-not-permitted', `${text} is not an IP address`)
  return octets
}

export function authorityInfoAccessExtension(urls: {
  ocsp: readonly string[]
  caIssuers: readonly string[]
}): Uint8Array {
  return uncritical(
    'authorityInfoAccess',
    sequence(
      ...urls.ocsp.map((url) => sequence(ocspMethod, uriName(url))),
      ...urls.caIssuers.map((url) => sequence(caIssuersMethod, uriName(url))),
    ),
  )
}

const ocspMethod = oid(oids.ocsp)
const caIssuersMethod = oid(oids.caIssuers)

/** One distribution point: the URLs are several ways to the same CRL (RFC 5280 section 4.2.1.13). */
export function crlDistributionPointsExtension(urls: readonly string[]): Uint8Array {
  const fullName = contextConstructed(0, ...urls.map(uriName))
  return uncritical('cRLDistributionPoints', sequence(sequence(contextConstructed(0, fullName))))
}

function uriName(url: string): Uint8Array {
  return element(generalNameTag.uniformResourceIdentifier, Buffer.from(url, 'utf8'))
}

export function nameConstraintsExtension(constraints: NameConstraints): Uint8Array {
  return critical('nameConstraints', writeNameConstraints(constraints))
}
