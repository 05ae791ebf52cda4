/** A commit as the changelog sees it. */
export interface Commit {
  readonly hash: string
  /** An imperative sentence without a full stop. */
  readonly subject: string
  /** Changed files, from the root of the repository. */
  readonly files: readonly string[]
}

/** Sections in the order of the page. The first one that a commit's files touch is its own. */
const sections: readonly { readonly title: string; readonly pattern: RegExp }[] = [
  { title: 'Server and operator', pattern: /^(acme|ca|operator|store)\/(?!.*(testing\/|\.test\.ts$))/ },
  { title: 'Custom resources', pattern: /^(crds|rbac)\// },
  { title: 'Chart', pattern: /^charts\/certctl\// },
  { title: 'Image', pattern: /^(Dockerfile|docker-compose\.yml|image\/)/ },
  { title: 'Documentation', pattern: /^(docs\/|[A-Z]+\.md$)/ },
  { title: 'Tests and tools', pattern: /^/ },
]

/** What `git log --format=%x00%h%x09%s --name-only` prints. */
export function parseLog(text: string): Commit[] {
  return text
    .split('\0')
    .filter((record) => record.trim() !== '')
    .map((record) => {
      const [head = '', ...files] = record.split('\n').filter((line) => line !== '')
      const [hash = '', ...subject] = head.split('\t')
      return { hash, subject: subject.join('\t'), files }
    })
}

/** The page of one release: Markdown, its commits by section, in the order given. */
export function changelog(release: { version: string; date: string; commits: readonly Commit[] }): string {
  const bySection = Map.groupBy(release.commits, sectionOf)
  const parts = sections.flatMap(({ title }) => {
    const commits = bySection.get(title) ?? []
    return commits.length === 0 ? [] : [`## ${title}\n\n${commits.map(lineOf).join('\n')}`]
  })
  const body = parts.length === 0 ? 'Nothing has changed.' : parts.join('\n\n')
  return `# certctl ${release.version} (${release.date})\n\n${body}\n`
}

function sectionOf({ files }: Commit): string {
  const section = sections.find(({ pattern }) => files.some((file) => pattern.test(file))) ?? sections.at(-1)
  return section?.title ?? ''
}

function lineOf({ subject, hash }: Commit): string {
  return `- ${subject.replaceAll(/[<>*_`[\]]/g, '\\$&')} (${hash})`
}
