import type { KeyObject } from 'node:crypto'
import { oids } from './der/oids.ts'
import { tag } from './der/tags.ts'
import { element, oid, sequence } from './der/writer.ts'
import { CaError } from './errors.ts'

/** The algorithms we sign with, in the spelling of RFC 5758, RFC 8017 and RFC 8410. */
export type SignatureAlgorithm =
  'ecdsa-with-SHA256' | 'ecdsa-with-SHA384' | 'ecdsa-with-SHA512' | 'sha256WithRSAEncryption' | 'Ed25519'

/** What node:crypto calls the digest; Ed25519 has its own inside. */
export type Digest = 'sha256' | 'sha384' | 'sha512' | null

const asn1Null = element(tag.null)

/**
 * The digest, and the AlgorithmIdentifier to the octet: RSA has NULL parameters (RFC 4055 section 5), ECDSA (RFC 5758
 * section 3.2) and Ed25519 (RFC 8410 section 3) have none at all.
 */
export const signatureAlgorithms: Readonly<
  Record<SignatureAlgorithm, { readonly digest: Digest; readonly identifierDer: Uint8Array }>
> = {
  'ecdsa-with-SHA256': { digest: 'sha256', identifierDer: sequence(oid(oids.ecdsaWithSHA256)) },
  'ecdsa-with-SHA384': { digest: 'sha384', identifierDer: sequence(oid(oids.ecdsaWithSHA384)) },
  'ecdsa-with-SHA512': { digest: 'sha512', identifierDer: sequence(oid(oids.ecdsaWithSHA512)) },
  sha256WithRSAEncryption: { digest: 'sha256', identifierDer: sequence(oid(oids.sha256WithRSAEncryption), asn1Null) },
  Ed25519: { digest: null, identifierDer: sequence(oid(oids.ed25519)) },
}

/** The one algorithm that a CA with this key signs with: the digest follows the size of the curve. 'unsupported-key-type'. */
export function signatureAlgorithmFor(key: KeyObject): SignatureAlgorithm {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'sha256WithRSAEncryption'
    case 'ed25519':
      return 'Ed25519'
    case 'ec':
      return ecdsaFor(key.asymmetricKeyDetails?.namedCurve)
    default:
      throw new CaError(
        'unsupported-key-type',
        `a CA key must be RSA, ECDSA or Ed25519, not ${key.asymmetricKeyType ?? key.type}`,
      )
  }
}

function ecdsaFor(namedCurve: string | undefined): SignatureAlgorithm {
  switch (namedCurve) {
    case 'prime256v1':
      return 'ecdsa-with-SHA256'
    case 'secp384r1':
      return 'ecdsa-with-SHA384'
    case 'secp521r1':
      return 'ecdsa-with-SHA512'
    default:
      throw new CaError(
        'unsupported-key-type',
        `an ECDSA key must be on P-256, P-384 or P-521, not ${namedCurve ?? 'a curve of its own'}`,
      )
  }
}
