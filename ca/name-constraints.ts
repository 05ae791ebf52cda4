/** Subtrees of RFC 5280 section 4.2.1.10: `example.com` covers itself and all below it; IP ranges are CIDR. */
export interface Subtrees {
  readonly dns?: readonly string[]
  readonly ip?: readonly string[]
  /** Names in DER. Read from certificates that others made, never asked for by a spec. */
  readonly directoryDer?: readonly Uint8Array[]
}

/** Which names may appear below a CA. A form of name that `permitted` doesn't list is not restricted by it. */
export interface NameConstraints {
  readonly permitted?: Subtrees
  readonly excluded?: Subtrees
}
