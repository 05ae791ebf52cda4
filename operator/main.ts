import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nearestName } from './nearest-name.ts'

/** How a command ended, as the shell sees it. */
type ExitCode = 0 | 1 | 2

const usage = `certctl, a private certificate authority that speaks ACME

  certctl serve                                         serve the custom resources of the cluster it runs in
  certctl serve --manifests DIR --data DIR [--sample]   without Kubernetes: serve what the manifests declare
  certctl check --manifests DIR                         look for mistakes in manifests
  certctl settings [--markdown]                         every setting of the environment
  certctl crd print [--folder DIR]                      the CustomResourceDefinitions as YAML
  certctl health                                        whether the server of this machine or container lives
  certctl migrate                                       bring the schema of CERTCTL_DATABASE_URL up to this version
  certctl create-secret --name NAME --random KEY,…      a Secret with random values, unless there is one
  certctl version

certctl serve --help tells more.
`

const serveUsage = `certctl serve [--kubeconfig FILE]
certctl serve --manifests DIR --data DIR [--sample]

Without --manifests, Issuers and CertificateProfiles are custom resources of the cluster that the pod runs in.

  --kubeconfig FILE the cluster of this file, for running outside of it
  --manifests DIR   Issuers, CertificateProfiles and Secrets as YAML or JSON, reread when they change (SIGHUP: at once)
  --data DIR        keys/, tls/, status/ and, unless CERTCTL_DATABASE_URL is set, the database
  --sample          say what to do next, also where the output is not a terminal

Settings (environment; defaults in brackets)
`

/** A command line that can't be understood. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

interface Command {
  readonly options: Readonly<Record<string, { type: 'string' | 'boolean' }>>
  run(options: Readonly<Record<string, string | boolean | undefined>>): Promise<ExitCode>
}

const commands: Readonly<Record<string, Command>> = {
  serve: {
    options: {
      manifests: { type: 'string' },
      data: { type: 'string' },
      kubeconfig: { type: 'string' },
      sample: { type: 'boolean' },
      help: { type: 'boolean' },
    },
    async run(options) {
      if (options['help'] === true) {
        const { settingsHelp } = await import('./settings.ts')
        return say(`${serveUsage}${settingsHelp()}\n`)
      }
      const place = servePlace(options)
      // Everything that a server needs is loaded only by a server.
      const { runServer } = await import('./serve-command.ts')
      return runServer({ ...place, sample: options['sample'] === true || process.stdout.isTTY })
    },
  },
  check: {
    options: { manifests: { type: 'string' }, help: { type: 'boolean' } },
    async run(options) {
      if (options['help'] === true) return say(usage)
      const { checkManifests } = await import('./check-command.ts')
      return checkManifests(folder(options, 'manifests'))
    },
  },
  settings: {
    options: { markdown: { type: 'boolean' }, help: { type: 'boolean' } },
    async run(options) {
      const { settingsHelp, settingsMarkdown } = await import('./settings.ts')
      return say(options['markdown'] === true ? settingsMarkdown() : `${settingsHelp()}\n`)
    },
  },
  'crd print': {
    options: { folder: { type: 'string' }, help: { type: 'boolean' } },
    async run(options) {
      if (options['help'] === true) return say(usage)
      const { printCrds } = await import('./crd-command.ts')
      return printCrds(options['folder'] === undefined ? undefined : folder(options, 'folder'))
    },
  },
  migrate: {
    options: { help: { type: 'boolean' } },
    async run(options) {
      if (options['help'] === true) return say(usage)
      const { migrate } = await import('./migrate-command.ts')
      return migrate()
    },
  },
  'create-secret': {
    options: {
      name: { type: 'string' },
      random: { type: 'string' },
      kubeconfig: { type: 'string' },
      help: { type: 'boolean' },
    },
    async run(options) {
      if (options['help'] === true) return say(usage)
      const name = text(options, 'name', 'NAME')
      const keys = text(options, 'random', 'KEY,…')
        .split(',')
        .map((key) => key.trim())
      if (keys.includes('')) throw new UsageError('--random has an empty key between its commas')
      const { createSecret } = await import('./create-secret-command.ts')
      const { kubeconfig } = options
      return createSecret(name, keys, typeof kubeconfig === 'string' ? kubeconfig : undefined)
    },
  },
  health: {
    options: { help: { type: 'boolean' } },
    async run(options) {
      if (options['help'] === true) return say(usage)
      const { checkHealth } = await import('./health-command.ts')
      return checkHealth()
    },
  },
  version: { options: {}, run: async () => say(`certctl ${version()}\n`) },
}

const helpWords = ['--help', '-h', 'help']

/**
 * Node keeps compiled code, types stripped, from one start to the next: a start takes a third of the time and a fifth
 * less memory. It lies with the dependencies, where only who may change the program can write; where nobody can, Node
 * does without.
 */
const compileCacheFolder = join(import.meta.dirname, '..', 'node_modules', '.cache', 'certctl')

async function main([name = '', ...rest]: readonly string[]): Promise<ExitCode> {
  if (name === '') {
    process.stderr.write(usage)
    return 2
  }
  if (helpWords.includes(name)) return say(usage)
  enableCompileCache(compileCacheFolder)
  const command = name === '--version' ? 'version' : name
  const [second = '', ...others] = rest
  const isTwoWords = Object.hasOwn(commands, `${command} ${second}`)
  return isTwoWords ? run(`${command} ${second}`, others) : run(command, rest)
}

function run(name: string, words: readonly string[]): Promise<ExitCode> {
  return findCommand(name).run(parse(name, words))
}

function findCommand(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command
  const names = Object.keys(commands)
  const nearest = names.find((known) => known.startsWith(`${name} `)) ?? nearestName(name, names)
  throw new UsageError(`there is no command ${name}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`)
}

function parse(name: string, words: readonly string[]): Record<string, string | boolean | undefined> {
  const { options } = findCommand(name)
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(`certctl ${name} takes no ${token.value}`)
    if (token.kind === 'option' && !Object.hasOwn(options, token.name)) {
      const nearest = nearestName(token.name, Object.keys(options))
      const advice = nearest === undefined ? '' : `; did you mean --${nearest}?`
      throw new UsageError(`certctl ${name} has no option ${token.rawName}${advice}`)
    }
  }
  try {
    return { ...parseArgs({ args: [...words], options }).values }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Options = Readonly<Record<string, string | boolean | undefined>>

/** One of --manifests and --data asks for the other: a half of the pair is a slip, and not a wish for a cluster. */
function servePlace(options: Options): {
  standalone?: { manifestsFolder: string; dataFolder: string }
  kubeconfig?: string
} {
  const { kubeconfig } = options
  if (options['manifests'] === undefined && options['data'] === undefined) {
    return typeof kubeconfig === 'string' ? { kubeconfig } : {}
  }
  if (kubeconfig !== undefined)
    throw new UsageError('--kubeconfig belongs to a cluster and --manifests to none; give one')
  return { standalone: { manifestsFolder: folder(options, 'manifests'), dataFolder: folder(options, 'data') } }
}

function folder(options: Options, name: string): string {
  return text(options, name, 'DIR')
}

function text(options: Options, name: string, what: string): string {
  const value = options[name]
  if (typeof value === 'string' && value !== '') return value
  throw new UsageError(`--${name} ${what} is missing`)
}

function say(text: string): ExitCode {
  process.stdout.write(text)
  return 0
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const content: unknown = JSON.parse(text)
  return typeof content === 'object' && content !== null && 'version' in content ? String(content.version) : 'unknown'
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`certctl: ${error.message}\n\n${usage}`)
  process.exitCode = 2
}
