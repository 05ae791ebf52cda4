import { check, fieldPath } from '../api/check.ts'
import { secret, secretValues } from '../api/secret.ts'
import type { CertificateProfileSpec } from '../api/certificate-profile.ts'
import type { IssuerSpec } from '../api/issuer.ts'
import type { Snapshot } from '../manifests/folder.ts'
import { objectTitle } from '../manifests/manifest.ts'
import type { Manifest, Mistake } from '../manifests/manifest.ts'
import type { FieldError } from '../api/check.ts'
import type { SpecOutcome } from './field-errors.ts'
import { readIssuerSpec } from './issuer/spec.ts'
import type { SecretOutcome } from './issuer/secret.ts'
import { readProfileSpec } from './profile/spec.ts'

interface Declared<Spec> {
  readonly namespace: string
  readonly name: string
  readonly spec: Spec
}

/** What a folder of manifests declares, every spec read. */
export interface Declaration {
  /** An Issuer that signs another one comes before it. */
  readonly issuers: readonly Declared<ReturnType<typeof readIssuerSpec>>[]
  readonly profiles: readonly Declared<ReturnType<typeof readProfileSpec>>[]
  /** Everything that is wrong, in files and in specs. */
  readonly mistakes: readonly Mistake[]
  /** False while text can't be read: what is missing may be hidden there. */
  readonly complete: boolean
  secret(namespace: string, name: string): SecretOutcome
}

/** Reads every spec of a snapshot and collects all mistakes. */
export function declare(snapshot: Snapshot): Declaration {
  const mistakes = [...snapshot.mistakes]
  const secrets = new Map<string, SecretOutcome>()
  const issuers: Declared<SpecOutcome<IssuerSpec, 'InvalidSpec' | 'InvalidNameConstraints'>>[] = []
  const profiles: Declared<SpecOutcome<CertificateProfileSpec, 'InvalidSpec' | 'InvalidCIDR'>>[] = []

  function note(manifest: Manifest, errors: readonly FieldError[]): void {
    for (const { path, message } of errors) {
      const field = fieldPath(path)
      mistakes.push({ place: manifest.placeOf(path), object: objectTitle(manifest), field, message })
    }
  }

  for (const manifest of snapshot.manifests) {
    const { kind, namespace, name, content } = manifest
    if (kind === 'Secret') {
      const checked = check(secret, content)
      if (!checked.ok) note(manifest, checked.errors)
      secrets.set(`${namespace}/${name}`, checked.ok ? { state: 'read', values: secretValues(checked.value) } : invalid)
    } else if (kind === 'Issuer') {
      const spec = withoutCluster(readIssuerSpec(content))
      if (!spec.ok) note(manifest, spec.errors)
      issuers.push({ namespace, name, spec })
    } else {
      const spec = readProfileSpec(content)
      if (!spec.ok) note(manifest, spec.errors)
      profiles.push({ namespace, name, spec })
    }
  }
  return {
    issuers: parentsFirst(issuers),
    profiles,
    mistakes,
    complete: snapshot.complete,
    secret: (namespace, name) => secrets.get(`${namespace}/${name}`) ?? { state: 'missing' },
  }
}

type IssuerOutcome = ReturnType<typeof readIssuerSpec>

/** A CSR is shown in an object's status, and the answer comes as an object: both are a cluster's. */
function withoutCluster(outcome: IssuerOutcome): IssuerOutcome {
  if (!outcome.ok || outcome.spec.subordinate?.mode !== 'External') return outcome
  const message = 'External needs a cluster; have the CA signed elsewhere and bring it along with type: CASecret'
  return { ok: false, reason: 'InvalidSpec', errors: [{ path: ['spec', 'subordinate', 'mode'], message }] }
}

const invalid: SecretOutcome = { state: 'invalid', message: 'its manifest has mistakes' }

/** The Issuer that a Subordinate is to be signed by. */
export function parentName(spec: ReturnType<typeof readIssuerSpec>): string | undefined {
  return spec.ok ? spec.spec.subordinate?.parentRef?.name : undefined
}

/** Issuers that wait for each other, or for one that isn't there, come last: they find no parent. */
function parentsFirst(issuers: Declaration['issuers']): Declaration['issuers'] {
  const ordered: (typeof issuers)[number][] = []
  let waiting = [...issuers]
  for (;;) {
    const free = waiting.filter(({ namespace, spec }) => {
      const parent = parentName(spec)
      return parent === undefined || ordered.some((one) => one.namespace === namespace && one.name === parent)
    })
    if (free.length === 0) return [...ordered, ...waiting]
    ordered.push(...free)
    waiting = waiting.filter((one) => !free.includes(one))
  }
}
