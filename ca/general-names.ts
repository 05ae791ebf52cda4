/** A name of RFC 5280 section 4.2.1.6. An IP address is in canonical text form (RFC 5952), a directory name in hex DER. */
export interface GeneralName {
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'directory' | 'registered-id' | 'other'
  readonly value: string
}
