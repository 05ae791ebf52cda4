/** Where something stands in the manifests; line and column count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Something that a person has to change, in words that say what to write instead. */
export interface Mistake {
  readonly place: Place
  /** `Issuer certctl/internal-ca`; absent where the object can't even be told. */
  readonly object?: string
  readonly field?: string
  readonly message: string
}

export type ManifestKind = 'Issuer' | 'CertificateProfile' | 'Secret'

/** An object as it stands in a file: its identity is known, its spec not looked at yet. */
export interface Manifest {
  readonly kind: ManifestKind
  readonly namespace: string
  readonly name: string
  readonly content: unknown
  readonly place: Place
  /** Where a field stands, or the nearest thing above it that exists. */
  readonly placeOf: (path: readonly (string | number)[]) => Place
}

/** How people and logs name an object. */
export function objectTitle({ kind, namespace, name }: Pick<Manifest, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name}`
}

/** One line for a terminal, in the form that editors make clickable. */
export function mistakeLine({ place, object, field, message }: Mistake): string {
  const subject = [object, field].filter((part) => part !== undefined).join(' ')
  return `${place.file}:${place.line}:${place.column}: ${subject === '' ? '' : `${subject} `}${message}`
}
