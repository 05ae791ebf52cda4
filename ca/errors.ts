/** Why the engine refused. Callers switch on it; the message is a sentence for the person at the other end. */
export type CaErrorCode =
  | 'csr-unparseable'
  | 'csr-too-large'
  | 'csr-bad-signature'
  | 'csr-bad-extension'
  | 'csr-bad-name'
  | 'weak-key'
  | 'malformed-key'
  | 'key-not-allowed'
  | 'key-mismatch'
  | 'not-a-ca'
  | 'chain-incomplete'
  | 'chain-untrusted'
  | 'ca-expired'
  | 'ca-not-yet-valid'
  | 'path-length-exceeded'
  | 'unsupported-key-type'
  | 'pem-unparseable'
  | 'certificate-unparseable'
  | 'secret-invalid'
  | 'invalid-subject'
  | 'invalid-name-constraints'
  | 'name-not-permitted'
  | 'usage-not-permitted'
  | 'validity-outside-issuer'
  | 'validity-impossible'
  | 'lint-failed'

/** Every refusal of this folder. Anything else that is thrown is a defect. */
export class CaError extends Error {
  readonly code: CaErrorCode

  constructor(code: CaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CaError'
    this.code = code
  }
}
