import { createHash } from 'node:crypto'
import { check } from '../../api/check.ts'
import type { IssuerCeilings } from '../../../acme/policy.ts'
import { seconds } from '../../api/fields.ts'
import { issuer } from '../../api/issuer.ts'
import type { IssuerSpec } from '../../api/issuer.ts'
import type { KeySpec, NameConstraints } from '../../../ca/index.ts'
import { networkErrors } from '../field-errors.ts'
import type { SpecOutcome } from '../field-errors.ts'

/** The part of a spec that a self-made CA is made from. */
export type SelfMade = NonNullable<IssuerSpec['selfSigned'] | IssuerSpec['subordinate']>

/** Reads an Issuer, whatever it holds. */
export function readIssuerSpec(content: unknown): SpecOutcome<IssuerSpec, 'InvalidSpec' | 'InvalidNameConstraints'> {
  const checked = check(issuer, content)
  if (!checked.ok) return { ok: false, reason: 'InvalidSpec', errors: checked.errors }
  const { spec } = checked.value
  const errors = (['selfSigned', 'subordinate'] as const).flatMap((member) => {
    const constraints = spec[member]?.nameConstraints
    return (['permitted', 'excluded'] as const).flatMap((side) =>
      networkErrors(constraints?.[side]?.ip, ['spec', member, 'nameConstraints', side, 'ip']),
    )
  })
  return errors.length === 0 ? { ok: true, spec } : { ok: false, reason: 'InvalidNameConstraints', errors }
}

/** The part of a spec that a self-made CA is made from; undefined for one that was brought along. */
export function selfMade(spec: IssuerSpec): SelfMade | undefined {
  return spec.selfSigned ?? spec.subordinate
}

/** The key pair that a spec asks for. */
export function keySpec({ privateKey }: SelfMade): KeySpec {
  const { algorithm } = privateKey
  if (algorithm === 'RSA') return { algorithm, bits: privateKey.bits ?? 3072 }
  return algorithm === 'ECDSA' ? { algorithm, curve: privateKey.curve ?? 'P-384' } : { algorithm }
}

/** Name constraints as the engine wants them; undefined where they constrain nothing. */
export function constraintsOf({ nameConstraints }: SelfMade): NameConstraints | undefined {
  const permitted = subtrees(nameConstraints?.permitted)
  const excluded = subtrees(nameConstraints?.excluded)
  return permitted === undefined && excluded === undefined
    ? undefined
    : { ...(permitted && { permitted }), ...(excluded && { excluded }) }
}

type ApiSubtrees = NonNullable<SelfMade['nameConstraints']>['permitted']

function subtrees(given: ApiSubtrees): NameConstraints['permitted'] {
  const dns = given?.dns ?? []
  const ip = given?.ip ?? []
  return dns.length + ip.length === 0 ? undefined : { ...(dns.length > 0 && { dns }), ...(ip.length > 0 && { ip }) }
}

/**
 * What makes a CA the one it is. A spec with another identity is another CA, so it is refused for an Issuer that has
 * its certificate. The fields are named one by one: a field that a later version adds must not change old identities.
 */
export function issuerIdentity(spec: IssuerSpec): string {
  const made = selfMade(spec)
  const facts =
    made === undefined
      ? [spec.type]
      : [
          spec.type,
          spec.subordinate?.parentRef?.name ?? spec.subordinate?.mode,
          made.subject.commonName,
          made.subject.organization,
          made.subject.organizationalUnit,
          made.subject.country,
          keySpec(made),
          made.pathLength,
          constraintsOf(made),
        ]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}

/** What profiles of other namespaces can't exceed; undefined where nothing is said. */
export function ceilingsOf({ allowedProfiles: { ceilings } }: IssuerSpec): IssuerCeilings | undefined {
  if (ceilings === undefined) return undefined
  const { identifiers, authModes, validity } = ceilings
  const compiled = {
    ...(identifiers?.dns && { dns: identifiers.dns.allowed }),
    ...(authModes && { authModes }),
    ...(validity?.max !== undefined && { maxValiditySeconds: seconds(validity.max) }),
  }
  return Object.keys(compiled).length === 0 ? undefined : compiled
}
