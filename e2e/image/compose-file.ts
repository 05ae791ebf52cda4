import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** A service as the file says it, its variables replaced. */
export interface ComposeService {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes: readonly string[]
  readonly read_only?: boolean
  readonly healthcheck: { readonly test: readonly string[] }
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/** A variable that the file insists on is not set. */
export class VariableMissing extends Error {}

/** Reads a compose file with the forms of variables that ours has: ${NAME}, ${NAME:-default} and ${NAME:?what to do}. */
export async function readComposeFile(file: string, variables: Readonly<Record<string, string>>): Promise<ComposeFile> {
  const text = (await readFile(file, 'utf8')).replaceAll(/^\s*#.*$/gm, '')
  const replaced = text.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, form?: string, word = '') => {
    const value = variables[name] ?? ''
    if (value === '' && form === '?') throw new VariableMissing(`${name}: ${word}`)
    return value === '' ? word : value
  })
  return parse(replaced) as ComposeFile
}
