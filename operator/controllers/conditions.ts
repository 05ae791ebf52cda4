/** The conditions of objects. Warning and ClusterIssuer come beside the others: Ready doesn't depend on them. */
export type ConditionType = 'Accepted' | 'ResolvedRefs' | 'Synced' | 'Ready' | 'Warning' | 'ClusterIssuer'

/** Why an Issuer's condition is as it is: a closed list that alerts and scripts may rely on. */
export const issuerReasons = {
  Accepted: ['Accepted', 'InvalidSpec', 'InvalidNameConstraints'],
  ResolvedRefs: [
    'ResolvedRefs',
    'SecretNotFound',
    'SecretInvalid',
    'SecretForbidden',
    'KeyMismatch',
    'NotACA',
    'ChainIncomplete',
    'ChainUntrusted',
    'CAExpired',
    'ParentNotReady',
    'PendingSignature',
  ],
  Synced: ['Synced', 'DatabaseUnavailable', 'StaleGeneration'],
  Ready: ['Ready', 'Pending', 'CAExpiringSoon', 'Suspended'],
  Warning: ['ConfigMapNotOwned', 'ConfigMapRefused'],
} as const

/** Why a CertificateProfile's condition is as it is. */
export const profileReasons = {
  Accepted: [
    'Accepted',
    'InvalidSpec',
    'InvalidCIDR',
    'ExceedsIssuerLimits',
    'ExceedsOperatorLimits',
    'ClusterIssuerNotPermitted',
  ],
  ResolvedRefs: ['ResolvedRefs', 'IssuerNotFound', 'IssuerNotReady', 'NotPermitted'],
  Synced: ['Synced', 'DatabaseUnavailable', 'StaleGeneration'],
  Ready: ['Ready', 'Pending', 'Suspended'],
  Warning: ['OpenRegistration'],
  ClusterIssuer: [
    'ClusterIssuer',
    'CertManagerAbsent',
    'ClusterIssuerNotOwned',
    'ClusterIssuerForbidden',
    'ClusterIssuerRefused',
    'Pending',
    'NotInCluster',
  ],
} as const

type ReasonOf<Lists extends Record<string, readonly string[]>> = Lists[keyof Lists][number]
export type IssuerReason = ReasonOf<typeof issuerReasons>
export type ProfileReason = ReasonOf<typeof profileReasons>

/** A condition as a plan decides it; when it last changed is the status's to remember. */
export interface Condition<Reason extends string = string> {
  readonly type: ConditionType
  readonly status: 'True' | 'False'
  readonly reason: Reason
  readonly message: string
}

/** A condition that something is as it should be: its reason is its type's own name. */
export function fulfilled<Type extends Exclude<ConditionType, 'Warning'>>(
  type: Type,
  message: string,
): Condition<Type> {
  return { type, status: 'True', reason: type, message }
}

export function failed<Reason extends string>(type: ConditionType, reason: Reason, message: string): Condition<Reason> {
  return { type, status: 'False', reason, message }
}

/** The conditions with Ready: its own word where everything else is well, the first failure's otherwise. */
export function withReady<Reason extends string>(
  conditions: readonly Condition<Reason>[],
  ready: Condition<Reason>,
): readonly Condition<Reason>[] {
  const failure = conditions.find(
    ({ type, status }) => type !== 'Warning' && type !== 'ClusterIssuer' && status === 'False',
  )
  return [...conditions, failure === undefined ? ready : { ...failure, type: 'Ready' }]
}

/** A condition as a status shows it. */
export interface DatedCondition extends Condition {
  /** RFC 3339, whole seconds: when `status` last changed. */
  readonly lastTransitionTime: string
}

/** The time of a condition moves only when its status does. */
export function dated<C extends Condition>(
  condition: C,
  before: readonly DatedCondition[] | undefined,
  now: Date,
): C & DatedCondition {
  const former = before?.find(({ type }) => type === condition.type)
  const lastTransitionTime =
    former?.status === condition.status ? former.lastTransitionTime : now.toISOString().replace(/\.[0-9]+Z$/, 'Z')
  return { ...condition, lastTransitionTime }
}
