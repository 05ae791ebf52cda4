import { nearestName } from './nearest-name.ts'
import { settings } from './settings.ts'
import type { ListenAddress } from './setting-kinds.ts'
import type { Setting, SettingValues } from './settings.ts'

/** What the process runs with: every setting, and the URLs that follow from the listeners where none are given. */
export interface Config extends Omit<SettingValues, 'externalUrls' | 'pkiUrl'> {
  /** At least one: the first is the default. */
  readonly externalUrls: readonly [string, ...string[]]
  readonly pkiUrl: string
  /** Where the API server is, as Kubernetes tells every container; absent outside a cluster. */
  readonly apiServer?: { readonly host: string; readonly port: string }
}

type Environment = Readonly<Record<string, string | undefined>>

/** A setting that can't be used, in words for the person who wrote it. */
export interface SettingProblem {
  readonly name: string
  /** As given; absent where it may hold a secret or was not given. */
  readonly value?: string
  readonly remedy: string
}

/** All that is wrong with the settings, so that one start tells everything. */
export class SettingsError extends Error {
  readonly problems: readonly SettingProblem[]

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(
      ({ name, value, remedy }) => `  ${name}${value === undefined ? '' : `=${JSON.stringify(value)}`}: ${remedy}`,
    )
    super(`${problems.length === 1 ? 'A setting is' : `${problems.length} settings are`} wrong:\n${lines.join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/**
 * Reads the settings. Throws SettingsError with every problem there is. Warnings name variables that look like ours and
 * are not.
 */
export function readConfig(environment: Environment = process.env): { config: Config; warnings: readonly string[] } {
  const problems: SettingProblem[] = []
  const values = parseAll(environment, problems)
  problems.push(...pairProblems(environment))
  if (problems.length > 0) throw new SettingsError(problems)
  return {
    config: Object.freeze({ ...withDerivedUrls(values), ...apiServer(environment) }),
    warnings: unknownNames(environment),
  }
}

/**
 * Where the ACME listener of a process with this environment is, whatever may be wrong with its other settings. Throws
 * SettingsError.
 */
export function readAcmeListener(environment: Environment = process.env): ListenAddress {
  const problems: SettingProblem[] = []
  const address = parseOne(settings.listenAcme, environment, problems)
  if (address === undefined) throw new SettingsError(problems)
  return address
}

function parseAll(environment: Environment, problems: SettingProblem[]): SettingValues {
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(settings)) {
    values[key] = parseOne<unknown>(setting, environment, problems)
  }
  // The boundary at which the table's keys and kinds become the type made from that same table.
  return values as SettingValues
}

function parseOne<T>(setting: Setting<T>, environment: Environment, problems: SettingProblem[]): T | undefined {
  const given = environment[setting.name]?.trim() ?? ''
  const parsed = setting.parse(given === '' ? setting.fallback : given)
  if (parsed.ok) return parsed.value
  problems.push({ name: setting.name, ...(setting.secret ? {} : { value: given }), remedy: parsed.remedy })
  return undefined
}

function pairProblems(environment: Environment): SettingProblem[] {
  const { tlsCertFile, tlsKeyFile } = settings
  const given = [tlsCertFile, tlsKeyFile].filter(({ name }) => (environment[name]?.trim() ?? '') !== '')
  if (given.length !== 1) return []
  const missing = given[0] === tlsCertFile ? tlsKeyFile : tlsCertFile
  return [{ name: missing.name, remedy: `set it too: a certificate needs its key (${given[0]?.name} is set)` }]
}

function withDerivedUrls(values: SettingValues): Config {
  const pkiPort = values.listenPki === 'off' ? 8080 : values.listenPki.port
  const [externalUrl = new URL(`https://localhost:${values.listenAcme.port}`).origin, ...otherUrls] =
    values.externalUrls ?? []
  return {
    ...values,
    externalUrls: [externalUrl, ...otherUrls],
    pkiUrl: values.pkiUrl ?? new URL(`http://localhost:${pkiPort}`).origin,
  }
}

function apiServer(environment: Environment): Pick<Config, 'apiServer'> {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = environment
  return host === '' ? {} : { apiServer: { host, port } }
}

function unknownNames(environment: Environment): string[] {
  const known = new Set<string>(Object.values(settings).map(({ name }) => name))
  return Object.keys(environment)
    .filter((name) => name.startsWith('CERTCTL_') && !known.has(name))
    .map((name) => {
      const nearest = nearestName(name, known)
      return `${name} is not a setting and is ignored${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
    })
}
