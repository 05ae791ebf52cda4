import { runCommand, systemPath } from '../harness/processes.ts'

/** What users type. */
export class Kubectl {
  /** Where it is. */
  readonly program: string
  readonly #kubeconfig: string
  readonly #home: string

  constructor(options: { program: string; kubeconfig: string; home: string }) {
    this.program = options.program
    this.#kubeconfig = options.kubeconfig
    this.#home = options.home
  }

  /** Runs a command that must succeed, and returns what it prints. */
  async run(args: readonly string[], stdin?: string): Promise<string> {
    const result = await this.try(args, stdin)
    if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')} failed:\n${result.output}`)
    return result.output
  }

  /** Runs a command that may fail. */
  async try(args: readonly string[], stdin?: string): Promise<{ code: number | null; output: string }> {
    const command = {
      program: this.program,
      args: ['--kubeconfig', this.#kubeconfig, ...args],
      env: { PATH: systemPath, HOME: this.#home },
      ...(stdin !== undefined && { stdin }),
    }
    return runCommand(command, AbortSignal.timeout(60_000))
  }
}
