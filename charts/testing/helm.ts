import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { helmPrograms } from './helm-programs.ts'
import type { HelmProgram } from './helm-programs.ts'
import { temporaryFolder } from './temporary-folder.ts'

export const repositoryFolder = dirname(dirname(import.meta.dirname))
export const chartFolder = join(repositoryFolder, 'charts', 'certctl')

/** A part of an object whose shape depends on its kind: tests look into it as they expect it to be. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any

/** A Kubernetes object as it is rendered. */
export interface Rendered {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [member: string]: Loose
}

/** A values file that Helm renders in tests, and by hand: ci/<name>-values.yaml. */
export interface ValuesFile {
  readonly name: string
  readonly file: string
}

export const valuesFiles: readonly ValuesFile[] = globSync('ci/*-values.yaml', { cwd: chartFolder })
  .toSorted()
  .map((path) => ({ name: basename(path, '-values.yaml'), file: join(chartFolder, path) }))

/** Helm's environment is empty but for a home of its own: nothing of the machine's leaks into a test. */
const home = temporaryFolder()

export interface HelmRun {
  readonly code: number | null
  readonly stdout: string
  readonly output: string
}

/** Runs Helm to its end, whatever its exit code. `values` are given on its standard input, as `-f -` reads them. */
export function helm(program: HelmProgram, args: readonly string[], values?: object): HelmRun {
  if (!existsSync(program.file)) throw new Error(`Helm ${program.major} is missing: make chart-tools fetches it`)
  const given = values === undefined ? [] : ['-f', '-']
  const { status, stdout, stderr, error } = spawnSync(program.file, [...args, ...given], {
    input: values === undefined ? '' : stringify(values),
    env: { HOME: home, PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (error !== undefined) throw error
  return { code: status, stdout, output: `${stdout}${stderr}` }
}

export const helm3 = programOf(3)
export const helm4 = programOf(4)
export const helms: readonly HelmProgram[] = [helm3, helm4]

function programOf(major: 3 | 4): HelmProgram {
  const program = helmPrograms.find((candidate) => candidate.major === major)
  if (program === undefined) throw new Error(`there is no Helm ${major}`)
  return program
}

interface TemplateOptions {
  readonly program?: HelmProgram
  readonly release?: string
  readonly namespace?: string
  readonly args?: readonly string[]
}

/** Renders the chart; the outcome may be a refusal. Values are an object, or a file. */
export function template(values: object | ValuesFile, options: TemplateOptions = {}): HelmRun {
  const { program = helm4, release = 'certctl', namespace = 'certctl', args = [] } = options
  const common = ['template', release, chartFolder, '--namespace', namespace, ...args]
  return isFile(values) ? helm(program, [...common, '--values', values.file]) : helm(program, common, values)
}

function isFile(values: object | ValuesFile): values is ValuesFile {
  return 'file' in values && typeof values.file === 'string'
}

/** The objects that the chart renders. Throws what Helm says where it refuses. */
export function render(values: object | ValuesFile, options: TemplateOptions = {}): readonly Rendered[] {
  const { code, stdout, output } = template(values, options)
  if (code !== 0) throw new Error(output)
  return objectsOf(stdout)
}

/** The objects of a stream of YAML documents. */
export function objectsOf(text: string): readonly Rendered[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(document.errors.join('\n'))
      return document.toJS() as Rendered | null
    })
    .filter((object) => object !== null)
}

/** The one object of a kind and name. */
export function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const [found, ...others] = objects.filter((object) => object.kind === kind && object.metadata.name === name)
  if (found !== undefined && others.length === 0) return found
  const names = objects.map((object) => `${object.kind} ${object.metadata.name}`).join(', ')
  throw new Error(`${found === undefined ? 'no' : 'more than one'} ${kind} ${name} among ${names}`)
}
