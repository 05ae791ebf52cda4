import type { Leaf, Value } from './annotated-values.ts'

const longestDefault = 90

/** Every value as Markdown: one table for each name at the top. */
export function valuesTable(values: readonly Value[]): string {
  const general = values.filter((value) => value.kind === 'leaf')
  const groups = values.filter((value) => value.kind === 'group')
  const sections = [
    { title: 'General', leaves: general },
    ...groups.map((group) => ({ title: `\`${group.name}\``, leaves: leavesOf(group) })),
  ]
  return sections.map(({ title, leaves }) => `### ${title}\n\n${table(leaves)}`).join('\n\n')
}

function leavesOf(value: Value): readonly Leaf[] {
  return value.kind === 'leaf' ? [value] : value.members.flatMap(leavesOf)
}

function table(leaves: readonly Leaf[]): string {
  const rows = leaves.map(
    (leaf) => `| \`${leaf.path}\` | ${defaultOf(leaf)} | ${cell(leaf.description)}${cell(choices(leaf))} |`,
  )
  return ['| value | default | what |', '| --- | --- | --- |', ...rows].join('\n')
}

function choices({ schema }: Leaf): string {
  const { enum: words } = schema
  return Array.isArray(words) ? ` One of ${words.map((word) => `\`${word}\``).join(', ')}.` : ''
}

function defaultOf({ default: value }: Leaf): string {
  const text = JSON.stringify(value)
  return text.length > longestDefault ? 'see `values.yaml`' : `\`${cell(text)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
