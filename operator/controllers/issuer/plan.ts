import type { IssuerSpec } from '../../api/issuer.ts'
import type { IssuingCa } from '../../../ca/index.ts'
import { failed, fulfilled, withReady } from '../conditions.ts'
import type { Condition, IssuerReason } from '../conditions.ts'
import { errorsSentence } from '../field-errors.ts'
import type { SpecOutcome } from '../field-errors.ts'
import { issuerIdentity } from './spec.ts'

/** Something that was looked for, or why it isn't there. */
export type Found<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: IssuerReason; readonly message: string }

/** A generation of the CA that the database knows. */
export interface KnownGeneration {
  readonly id: string
  readonly generation: number
  readonly sha256Fingerprint: string
  readonly notAfter: Date
}

/** Everything that a decision about an Issuer rests on. */
export interface ObservedIssuer {
  readonly spec: SpecOutcome<IssuerSpec, 'InvalidSpec' | 'InvalidNameConstraints'>
  readonly stored?: {
    readonly type: string
    readonly identity: string
    /** Oldest first; empty where the Issuer never had a certificate. */
    readonly generations: readonly KnownGeneration[]
  }
  /** SelfSigned and Subordinate: the key that is kept for it beside the newest generation. */
  readonly key: 'absent' | 'matches' | 'differs' | 'not-needed'
  /** Where that key is or would be: a file, or a Secret. */
  readonly keyPlace: string
  /** The CA in the Issuer's Secret, where it has one. */
  readonly secret?: Found<IssuingCa>
  /** Subordinate: the CA that signs this one. */
  readonly parent?: Found<IssuingCa>
  readonly now: Date
}

export interface IssuerPlan {
  /** `make` a CA; `adopt` the one in the Secret as a new generation; `serve` a generation; or leave all as it is. */
  readonly action:
    | { readonly do: 'make' }
    | { readonly do: 'adopt'; readonly ca: IssuingCa }
    | { readonly do: 'serve'; readonly generationId: string }
    | { readonly do: 'keep' }
  readonly conditions: readonly Condition<IssuerReason>[]
  /** Set where going on could split the CA in two: a starting process must stop with these words. */
  readonly refuseStart?: string
}

const soonMs = 30 * 24 * 3600 * 1000

/** Decides what becomes of an Issuer. Pure: the same observation always gives the same plan. */
export function planIssuer(observed: ObservedIssuer): IssuerPlan {
  const { spec } = observed
  if (!spec.ok) return refused(failed('Accepted', spec.reason, errorsSentence(spec.errors)))
  const immutable = immutableMistake(spec.spec, observed.stored)
  if (immutable !== undefined) return refused(failed('Accepted', 'InvalidSpec', immutable))
  const source = observed.secret === undefined ? planKey(spec.spec, observed) : planSecret(observed.secret, observed)
  if (!('notAfter' in source)) return source
  const { action, notAfter } = source
  const accepted = fulfilled('Accepted', 'the spec is valid')
  const resolved =
    notAfter.getTime() > observed.now.getTime()
      ? fulfilled('ResolvedRefs', 'certificate and key are there')
      : failed(
          'ResolvedRefs',
          'CAExpired',
          `the CA certificate expired at ${notAfter.toISOString()}; make a new Issuer`,
        )
  const ready = readiness(spec.spec, notAfter, observed.now)
  return { action, conditions: withReady<IssuerReason>([accepted, resolved], ready) }
}

type Source = { readonly action: IssuerPlan['action']; readonly notAfter: Date }

/** A certificate that is brought along may be replaced by the next CA; one that was made for the Issuer may not. */
function planSecret(secret: Found<IssuingCa>, { spec, stored, keyPlace }: ObservedIssuer): Source | IssuerPlan {
  if (!secret.ok) return unresolved(secret)
  const { certificate } = secret.value
  const { notAfter } = certificate
  const known = stored?.generations.find(({ sha256Fingerprint }) => sha256Fingerprint === certificate.sha256Fingerprint)
  if (known !== undefined) return { action: { do: 'serve', generationId: known.id }, notAfter }
  const newest = stored?.generations.at(-1)
  const isBroughtAlong = spec.ok && (spec.spec.type === 'CASecret' || spec.spec.subordinate?.mode === 'External')
  if (newest !== undefined && !isBroughtAlong) {
    return unresolved({ reason: 'KeyMismatch', message: otherKey(keyPlace, newest) })
  }
  return { action: { do: 'adopt', ca: secret.value }, notAfter }
}

function planKey(spec: IssuerSpec, { stored, key, keyPlace, parent }: ObservedIssuer): Source | IssuerPlan {
  if (spec.type === 'CASecret') throw new TypeError('a CASecret was observed without its Secret')
  const newest = stored?.generations.at(-1)
  if (newest === undefined) {
    return waitsForParent(spec, parent) ?? { action: { do: 'make' }, notAfter: new Date(8.64e15) }
  }
  if (key === 'matches') return { action: { do: 'serve', generationId: newest.id }, notAfter: newest.notAfter }
  const message = key === 'absent' ? missingKey(keyPlace, newest) : otherKey(keyPlace, newest)
  return { ...unresolved({ reason: 'KeyMismatch', message }), refuseStart: message }
}

function waitsForParent(spec: IssuerSpec, parent: ObservedIssuer['parent']): IssuerPlan | undefined {
  if (spec.subordinate?.mode !== 'Parent' || parent?.ok === true) return undefined
  return unresolved(parent ?? noParent)
}

const noParent = { reason: 'ParentNotReady', message: 'the Issuer that signs this one is not there' } as const

/** The CA exists, its key is elsewhere: making a new one would leave two CAs under one name. */
function missingKey(place: string, { sha256Fingerprint }: KnownGeneration): string {
  return (
    `the database holds this Issuer's CA certificate (SHA-256 ${sha256Fingerprint}) but ${place} does not exist; ` +
    'processes that share a database share the CA keys: restore it from where the CA was made, or use another database'
  )
}

function otherKey(place: string, { sha256Fingerprint }: KnownGeneration): string {
  return (
    `${place} is not the key of the CA certificate in the database (SHA-256 ${sha256Fingerprint}); ` +
    'processes that share a database share the CA keys: put the right one there, or use another database'
  )
}

function immutableMistake(spec: IssuerSpec, stored: ObservedIssuer['stored']): string | undefined {
  if (stored === undefined || stored.generations.length === 0) return undefined
  if (stored.type !== spec.type) return `spec.type was ${stored.type} and is fixed; restore it, or make another Issuer`
  if (stored.identity === issuerIdentity(spec)) return undefined
  const member = spec.type === 'SelfSigned' ? 'selfSigned' : 'subordinate'
  return (
    `spec.${member} differs from what the CA was made with; subject, privateKey, pathLength, nameConstraints and ` +
    'parentRef are fixed: restore them, or make another Issuer'
  )
}

function refused(condition: Condition<IssuerReason>): IssuerPlan {
  return { action: { do: 'keep' }, conditions: withReady([condition], condition) }
}

function unresolved({ reason, message }: { reason: IssuerReason; message: string }): IssuerPlan {
  const condition = failed('ResolvedRefs', reason, message)
  return {
    action: { do: 'keep' },
    conditions: withReady([fulfilled('Accepted', 'the spec is valid'), condition], condition),
  }
}

function readiness(spec: IssuerSpec, notAfter: Date, now: Date): Condition<IssuerReason> {
  if (spec.suspend) return failed('Ready', 'Suspended', 'spec.suspend is true: nothing is signed')
  if (notAfter.getTime() - now.getTime() > soonMs) return fulfilled('Ready', 'the CA signs')
  const message = `the CA signs, but its certificate ends at ${notAfter.toISOString()}; move profiles to a new Issuer`
  return { type: 'Ready', status: 'True', reason: 'CAExpiringSoon', message }
}
