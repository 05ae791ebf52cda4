/** Identifier octets of X.690 that X.509 uses. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
} as const

/** Identifier octet of a context-specific, primitive element. */
export function contextTag(number: number): number {
  return 0x80 + number
}

/** Identifier octet of a context-specific, constructed element. */
export function constructedContextTag(number: number): number {
  return 0xa0 + number
}
