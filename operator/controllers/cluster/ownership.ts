import type { ObjectMeta } from '../../kubernetes/objects.ts'

/** What everything that the operator makes carries. */
export const managedBy = { 'app.kubernetes.io/managed-by': 'certctl' } as const

/** Selects what carries it. */
export const managedBySelector = 'app.kubernetes.io/managed-by=certctl'

/** On a CA's Secret: the Issuer it was made for. */
export const issuerUidAnnotation = 'certctl.io/issuer-uid'

/** On a cert-manager ClusterIssuer: the profile it belongs to, as `<namespace>/<name>`. */
export const profileAnnotation = 'certctl.io/profile'

/** On what is published beyond its own namespace: the namespace of the operator that did. */
export const operatorAnnotation = 'certctl.io/operator-namespace'

/** Whether the operator made an object; with these annotations, the one that writes them. */
export function isOurs(
  { labels, annotations: found }: Pick<ObjectMeta, 'labels' | 'annotations'>,
  annotations: Readonly<Record<string, string>> = {},
): boolean {
  const isLabelled = labels?.['app.kubernetes.io/managed-by'] === managedBy['app.kubernetes.io/managed-by']
  return isLabelled && Object.entries(annotations).every(([name, value]) => found?.[name] === value)
}
