import { runCommand, shellWords, systemPath, type CommandResult } from '../harness/processes.ts'

/** Helm did not do what it was told. */
export class HelmFailed extends Error {}

export interface HelmOptions {
  readonly program: string
  readonly kubeconfig: string
  /** A home of its own, so that nothing of the machine's is used. */
  readonly home: string
}

/** What users type. */
export class Helm {
  readonly #options: HelmOptions

  constructor(options: HelmOptions) {
    this.#options = options
  }

  /** Runs a command that must succeed, and returns what it prints. `values` is given as a values file. */
  async run(args: readonly string[], values?: object): Promise<string> {
    const { code, output } = await this.try(args, values)
    if (code !== 0) throw new HelmFailed(`${shellWords({ program: 'helm', args })} failed:\n${output}`)
    return output
  }

  /** Runs a command that may fail. */
  try(args: readonly string[], values?: object): Promise<CommandResult> {
    const { program, kubeconfig, home } = this.#options
    const given = values === undefined ? [] : ['--values', '-']
    const command = {
      program,
      args: ['--kubeconfig', kubeconfig, ...args, ...given],
      env: { PATH: systemPath, HOME: home },
      // JSON is YAML.
      ...(values !== undefined && { stdin: JSON.stringify(values) }),
    }
    return runCommand(command, AbortSignal.timeout(240_000))
  }
}
