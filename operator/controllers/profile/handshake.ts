import type { IssuerSpec } from '../../api/issuer.ts'
import type { LabelSelector } from '../../api/label-selector.ts'

type Labels = Readonly<Record<string, string>>

/** Whether an Issuer lets profiles of a namespace use it, and what to do where it doesn't. */
export type Handshake =
  | { readonly permitted: true }
  | { readonly permitted: false; readonly remedy: string }
  /** It can't be told at the moment: what is served stays, and nothing new begins. */
  | { readonly permitted: 'unknown' }

/** Where a profile and the Issuer it names are, and what is known of both. */
export interface HandshakeFacts {
  readonly profileNamespace: string
  readonly issuerNamespace: string
  /** Absent while the Issuer's spec has mistakes. */
  readonly allowed?: IssuerSpec['allowedProfiles']['namespaces']
  /** Of the profile's namespace; absent where they can't be read. */
  readonly labels?: Labels
}

/** Decides whether the Issuer's `allowedProfiles` lets the profile in. Its own namespace always may. */
export function shakeHands(facts: HandshakeFacts): Handshake {
  const { profileNamespace, issuerNamespace, allowed, labels } = facts
  if (profileNamespace === issuerNamespace) return { permitted: true }
  if (allowed === undefined) return { permitted: 'unknown' }
  if (allowed.from === 'All') return { permitted: true }
  if (allowed.from === 'Same') {
    return { permitted: false, remedy: 'set its spec.allowedProfiles.namespaces.from to All or Selector' }
  }
  if (labels === undefined) {
    return {
      permitted: false,
      remedy:
        'the labels of namespaces are known only where the operator watches all of them (CERTCTL_WATCH_NAMESPACES=*); set from: All',
    }
  }
  return allowed.selector !== undefined && selects(allowed.selector, labels)
    ? { permitted: true }
    : {
        permitted: false,
        remedy: `label Namespace ${profileNamespace} as its spec.allowedProfiles.namespaces.selector asks`,
      }
}

/** Whether a label selector selects these labels, by the rules of Kubernetes: all of it must hold. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((expression) => holds(expression, labels))
  )
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number]

function holds({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}
