/** Promises unpadded base64url, RFC 4648 section 5. */
export function encodeBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/**
 * Promises the bytes of canonical unpadded base64url, and undefined for anything else: padding, foreign characters,
 * impossible lengths, or stray bits at the end (RFC 4648 section 3.5), so that one value has one spelling.
 * Node's decoder is lenient, but its encoder is canonical: only canonical text survives the round trip.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
