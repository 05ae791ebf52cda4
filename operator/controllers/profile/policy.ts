import { createHash } from 'node:crypto'
import type { IssuancePolicy, RateLimits } from '../../../acme/policy.ts'
import type { CertificateProfileSpec } from '../../api/certificate-profile.ts'
import { seconds } from '../../api/fields.ts'
import type { KeyPolicyRule } from '../../../ca/index.ts'

/** The server's word where a profile says nothing. */
export interface PolicyDefaults {
  readonly orderLifetimeSeconds: number
  readonly authorizationLifetimeSeconds: number
  readonly meta: IssuancePolicy['meta']
}

/** Compiles a profile into what the ACME server issues by. */
export function compilePolicy(spec: CertificateProfileSpec, defaults: PolicyDefaults): IssuancePolicy {
  const { acme, validity } = spec
  return {
    authMode: acme.authMode,
    challengeTypes: acme.challengeTypes,
    registration: acme.clientNetworks === undefined ? 'Open' : 'ClientNetworks',
    clientNetworks: acme.clientNetworks ?? [],
    identifiers: spec.identifiers.dns === undefined ? {} : { dns: spec.identifiers.dns },
    validity: {
      defaultSeconds: seconds(validity.default),
      maxSeconds: seconds(validity.max),
      backdateSeconds: seconds(validity.backdate),
      clientNotAfter: validity.clientNotAfter,
    },
    keyPolicy: spec.keyPolicy.allowed.map(keyRule),
    keyUsages: spec.usages.key,
    extendedKeyUsages: spec.usages.extended,
    subject: {
      commonName: spec.subject.commonName,
      ...(spec.subject.organization && { organization: spec.subject.organization }),
    },
    orderLifetimeSeconds: lifetime(acme.orderLifetime, defaults.orderLifetimeSeconds),
    authorizationLifetimeSeconds: lifetime(acme.authorizationLifetime, defaults.authorizationLifetimeSeconds),
    rateLimits: rateLimits(acme.rateLimits),
    validation: acme.validation,
    meta: { ...defaults.meta, ...present(acme.meta) },
    suspended: spec.suspend,
  }
}

/** The same for the same policy, whatever the order in which its members were written. */
export function policyHash(policy: IssuancePolicy): string {
  return createHash('sha256').update(JSON.stringify(policy, sortedMembers)).digest('hex')
}

function sortedMembers(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function lifetime(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : seconds(text)
}

type ApiKeyRule = CertificateProfileSpec['keyPolicy']['allowed'][number]

function keyRule({ algorithm, curves, minBits, maxBits }: ApiKeyRule): KeyPolicyRule {
  if (algorithm === 'ECDSA') return { algorithm, ...(curves && { curves }) }
  if (algorithm === 'RSA') return { algorithm, ...present({ minBits, maxBits }) }
  return { algorithm }
}

function rateLimits({ pendingOrders, ...rates }: CertificateProfileSpec['acme']['rateLimits']): Partial<RateLimits> {
  const compiled = Object.entries(rates).map(([name, rate]) => [
    name,
    rate && { limit: rate.limit, windowSeconds: seconds(rate.window) },
  ])
  return { ...Object.fromEntries(compiled), ...present({ pendingOrders }) }
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }

/** The members that have a value: JSON knows no undefined, and neither does exactOptionalPropertyTypes. */
function present<T extends object>(members: T): Present<T> {
  // The boundary between "undefined" and "absent", which the type system tells apart and Object.fromEntries can't.
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
