/** What the command line of a test with named cases says. */
export interface CaseCommand<Case extends { readonly name: string }> {
  readonly usage: string
  readonly cases: readonly Case[]
  /** Only cases whose name has one of these; all where there is none. */
  readonly words: readonly string[]
  readonly help: boolean
  readonly list: boolean
}

/** Runs the cases that were chosen, or says what there is; the exit code is 2 where no case has such a name. */
export async function runChosen<Case extends { readonly name: string }>(
  { usage, cases, words, help, list }: CaseCommand<Case>,
  run: (chosen: readonly Case[]) => Promise<number>,
): Promise<number> {
  const chosen = cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
  if (help) console.log(usage)
  else if (list) console.log(chosen.map(({ name }) => name).join('\n'))
  else if (chosen.length === 0) console.error(`No case's name has ${words.join(' or ')}.`)
  else return run(chosen)
  return help || list ? 0 : 2
}
