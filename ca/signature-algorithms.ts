/** The algorithms we sign with, in the spelling of RFC 5758, RFC 8017 and RFC 8410. */
export type SignatureAlgorithm =
  'ecdsa-with-SHA256' | 'ecdsa-with-SHA384' | 'ecdsa-with-SHA512' | 'sha256WithRSAEncryption' | 'Ed25519'
