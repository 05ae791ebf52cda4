import { contextConstructed, sequence, smallInteger, time, unsignedInteger } from './der/writer.ts'
import { CaError } from './errors.ts'
import { signatureAlgorithms } from './signature-algorithms.ts'
import type { SignatureAlgorithm } from './signature-algorithms.ts'

/** The fields of a tbsCertificate that every certificate has. */
export interface TbsFields {
  readonly serialNumber: Uint8Array
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly issuerDer: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  readonly subjectDer: Uint8Array
  readonly subjectPublicKeyInfoDer: Uint8Array
}

const version3 = contextConstructed(0, smallInteger(2))

/** DER of a version 3 tbsCertificate (RFC 5280 section 4.1). */
export function writeTbsCertificate(fields: TbsFields, extensions: readonly Uint8Array[]): Uint8Array {
  return sequence(
    version3,
    unsignedInteger(fields.serialNumber),
    signatureAlgorithms[fields.signatureAlgorithm].identifierDer,
    fields.issuerDer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subjectDer,
    fields.subjectPublicKeyInfoDer,
    contextConstructed(3, sequence(...extensions)),
  )
}

/** Throws 'validity-outside-issuer' unless the validity lies within the issuer's. */
export function assertWithinIssuer(
  validity: { notBefore: Date; notAfter: Date },
  issuer: { notBefore: Date; notAfter: Date },
): void {
  if (validity.notBefore < issuer.notBefore || validity.notAfter > issuer.notAfter) {
    throw new CaError(
      'validity-outside-issuer',
      `the validity must lie within the issuer's, ${issuer.notBefore.toISOString()} to ${issuer.notAfter.toISOString()}`,
    )
  }
}
