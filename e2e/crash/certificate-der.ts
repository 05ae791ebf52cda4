/** The tbsCertificate of a certificate, its own header included: the first element of the outer SEQUENCE (RFC 5280 section 4.1). */
export function cutTbsCertificate(certificateDer: Buffer): Buffer {
  const outer = headerAt(certificateDer, 0)
  const inner = headerAt(certificateDer, outer.contentStart)
  return certificateDer.subarray(outer.contentStart, inner.end)
}

function headerAt(der: Buffer, start: number): { contentStart: number; end: number } {
  const first = der.readUInt8(start + 1)
  const octets = first < 0x80 ? 0 : first & 0x7f
  const contentStart = start + 2 + octets
  const length = octets === 0 ? first : der.readUIntBE(start + 2, octets)
  return { contentStart, end: contentStart + length }
}
