import { invalidIssuers } from './invalid-issuers.ts'
import { invalidProfiles } from './invalid-profiles.ts'
import { acme, object, selfSigned } from './spec-text.ts'

/** An object that nobody may have, and what its author must read. */
export interface InvalidSpec {
  /** What is wrong with it: "an Issuer with …". */
  readonly title: string
  readonly kind: 'Issuer' | 'CertificateProfile'
  readonly object: unknown
  /** The field that is blamed. */
  readonly field: string
  /** What is said about it, in part. */
  readonly message: string
  /**
   * What an API server says about it where it has words of its own; undefined where it says the message.
   * False: it accepts the object, and the operator says the message in the condition Accepted.
   */
  readonly apiServer?: string | false
}

/** A row of a table of specs that must be refused; the members are those of `InvalidSpec`, the spec in YAML. */
export type InvalidRow = readonly [
  title: string,
  spec: string,
  field: string,
  message: string,
  apiServer?: string | false,
]

function invalidSpec(kind: InvalidSpec['kind'], [title, spec, field, message, apiServer]: InvalidRow): InvalidSpec {
  return { title, kind, object: object(kind, spec), field, message, ...(apiServer !== undefined && { apiServer }) }
}

/** Objects that must be refused, by the schemas here and by an API server that has our CRDs. */
export const invalidSpecs: readonly InvalidSpec[] = [
  ...invalidIssuers.map((row) => invalidSpec('Issuer', row)),
  ...invalidProfiles.map((row) => invalidSpec('CertificateProfile', row)),
  {
    title: 'a dot in its name',
    kind: 'Issuer',
    object: object('Issuer', selfSigned(), 'a.b'),
    field: 'metadata.name',
    message: 'is not a DNS label; use small letters, digits and hyphens',
  },
  {
    title: 'a name of 64 characters',
    kind: 'CertificateProfile',
    object: object('CertificateProfile', acme(), 'a'.repeat(64)),
    field: 'metadata.name',
    message: 'must have at most 63 characters',
  },
]
