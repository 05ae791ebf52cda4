/** Bits of KeyUsage, in the order of RFC 5280 section 4.2.1.3. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof keyUsages)[number]

/** Purposes of RFC 5280 section 4.2.1.12 and RFC 6960. */
export const extendedKeyUsages = [
  'serverAuth',
  'clientAuth',
  'codeSigning',
  'emailProtection',
  'timeStamping',
  'OCSPSigning',
] as const
export type ExtendedKeyUsage = (typeof extendedKeyUsages)[number]
