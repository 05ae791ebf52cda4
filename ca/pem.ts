/** PEM (RFC 7468) of one structure, ending in a newline. */
export function encodePem(label: string, der: Uint8Array): string {
  throw new Error(`not built yet: ${label} ${der.length}`)
}

/** Every structure with this label, in order; 'pem-unparseable' where one of them is damaged. Other labels are passed over. */
export function decodePem(text: string, label: string): Uint8Array[] {
  throw new Error(`not built yet: ${label} ${text.length}`)
}
