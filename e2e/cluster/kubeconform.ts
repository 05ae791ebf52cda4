import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runCommand, systemPath } from '../harness/processes.ts'

/** What kubeconform found. */
export interface Conformity {
  readonly valid: number
  readonly invalid: number
  readonly errors: number
  readonly skipped: number
  /** A line for each object that is not valid. */
  readonly complaints: readonly string[]
}

interface Report {
  readonly resources: readonly {
    readonly filename: string
    readonly kind: string
    readonly name: string
    readonly msg: string
  }[]
  readonly summary: Omit<Conformity, 'complaints'>
}

/** Runs kubeconform over files of YAML, with schemas from files alone: those that {@link writeSchema} wrote. */
export class Kubeconform {
  readonly #program: string
  readonly #schemas: string

  constructor(options: { program: string; schemas: string }) {
    this.#program = options.program
    this.#schemas = options.schemas
  }

  /** Keeps the schema of a kind where kubeconform looks for it. */
  async writeSchema(apiVersion: string, kind: string, schema: object): Promise<void> {
    // To kubeconform v1 is both group and version of Kubernetes' core.
    const [version = '', group = version] = apiVersion.split('/').toReversed()
    const file = join(this.#schemas, group, version, `${kind.toLowerCase()}.json`)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, JSON.stringify(schema))
  }

  /** Judges everything in the folder. Throws where kubeconform has no report. */
  async judge(folder: string, signal: AbortSignal): Promise<Conformity> {
    const location = join(this.#schemas, '{{.Group}}', '{{.ResourceAPIVersion}}', '{{.ResourceKind}}.json')
    const options = ['-strict', '-summary', '-output', 'json', '-n', '2']
    const args = [...options, '-schema-location', location, folder]
    const command = { program: this.#program, args, env: { PATH: systemPath } }
    const { code, stdout, output } = await runCommand(command, signal)
    if (!stdout.startsWith('{')) throw new Error(`kubeconform ended with ${code}: ${output}`)
    const { resources, summary } = JSON.parse(stdout) as Report
    return {
      ...summary,
      complaints: resources.map((each) => `${each.filename}: ${each.kind} ${each.name}: ${each.msg}`),
    }
  }
}
