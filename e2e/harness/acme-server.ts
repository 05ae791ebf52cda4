/**
 * The directories of the server under test. `trust` issues to any account, `challenge` wants proof, and `short` is like `challenge`
 * but its certificates are old within seconds, for clients that decide themselves when to renew.
 */
export type DirectoryName = 'trust' | 'challenge' | 'short'

/** An ACME server as clients meet it: a few URLs, a CA file and a root. */
export interface AcmeServer {
  readonly title: string
  /** Begins every URL of the server. */
  readonly baseUrl: string
  readonly directories: Readonly<Partial<Record<DirectoryName, string>>>
  /** What clients must trust to talk to the server. */
  readonly tlsCaFile: string
  /** The root that every issued chain must lead to. */
  readonly rootFile: string
  /** A name that the policy refuses, and what the server says about it. */
  readonly refusal: { readonly name: string; readonly sentence: string }
  /** Everything it has logged so far. */
  readonly log: readonly string[]
  /** Stops it and starts it again on the same data, where it keeps any. */
  readonly restart?: () => Promise<void>
  /** How many requests it refused for their nonce since its last start, where it counts them. */
  readonly badNonces?: () => Promise<number>
  readonly stop: () => Promise<void>
}

/** Where a server may put its files, and what it finds in the namespace. */
export interface ServerSetting {
  readonly folder: string
  /** Resolves to a loopback address in the namespace. */
  readonly hostName: string
  /** The zone of the names that clients order. */
  readonly zone: string
  /** Address and port of the DNS server for validation. */
  readonly resolver: string
}
