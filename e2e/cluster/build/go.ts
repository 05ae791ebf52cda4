import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { inherited } from '../../harness/environment.ts'
import { runCommand } from '../../harness/processes.ts'

/** The folders of the path, and where people install Go who follow its own instructions. */
const usualFolders = (): readonly string[] => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/go/bin']

/** This machine has no Go, or one that is too old; the message says what to do. */
export class GoMissing extends Error {}

/** The program `go`, which must be at least of this version, such as 1.26.0. Throws {@link GoMissing}. */
export async function findGo(oldest: string, folders: readonly string[] = usualFolders()): Promise<string> {
  const program = folders.map((folder) => join(folder, 'go')).find((file) => existsSync(file))
  const advice = `Install Go ${oldest} or newer (https://go.dev/doc/install) into /usr/local/go or put it on the PATH.`
  if (program === undefined)
    throw new GoMissing(`Go is needed once, to build a Kubernetes API server, and is not on this machine. ${advice}`)
  const version = await versionOf(program)
  if (isOlder(version, oldest))
    throw new GoMissing(`${program} is Go ${version}, too old to build a Kubernetes API server. ${advice}`)
  return program
}

async function versionOf(go: string): Promise<string> {
  // Outside of any module, and without fetching another Go in place of the installed one.
  const env = { ...inherited(), GOTOOLCHAIN: 'local' }
  const result = await runCommand({ program: go, args: ['version'], env, cwd: tmpdir() }, AbortSignal.timeout(30_000))
  const version = /\bgo(\d+(\.\d+)*)/.exec(result.stdout)?.[1]
  if (version === undefined) throw new GoMissing(`${go} version answered: ${result.output}`)
  return version
}

/** Whether version 1.9 is older than 1.26.0. */
export function isOlder(version: string, than: string): boolean {
  const numbers = (text: string): number[] => text.split('.').map(Number)
  const [left, right] = [numbers(version), numbers(than)]
  for (const [index, wanted] of right.entries()) {
    const difference = (left[index] ?? 0) - wanted
    if (difference !== 0) return difference < 0
  }
  return false
}
