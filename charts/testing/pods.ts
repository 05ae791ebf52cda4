import type { Loose, Rendered } from './helm.ts'

/** What runs: a Pod, or the template of one. */
export interface PodTemplate {
  readonly title: string
  readonly owner: Rendered
  readonly labels: Readonly<Record<string, string>>
  readonly spec: Loose
}

/** Every pod that the objects would make. */
export function podsOf(objects: readonly Rendered[]): readonly PodTemplate[] {
  return objects.flatMap((owner) => {
    const title = `${owner.kind} ${owner.metadata.name}`
    if (owner.kind === 'Pod') return [{ title, owner, labels: owner.metadata.labels, spec: owner['spec'] }]
    const template = owner['spec']?.template
    return template?.spec === undefined ? [] : [{ title, owner, labels: template.metadata.labels, spec: template.spec }]
  })
}

/** Whether labels satisfy a selector of equalities. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value)
}
