import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { wholeNumber } from '../load/options.ts'
import { cacheFolder } from '../servers/go-peer.ts'
import type { ServerName } from '../servers/server.ts'

export interface BenchOptions {
  servers: ServerName[]
  repetitions: number
  issuances: number
  warmup: number
  /** Warm-up of the first load after a start, long enough for compilers and caches to have settled. */
  firstWarmup: number
  /** The matrix for certctl and the one for its peers. */
  certctl: { concurrency: number[]; accounts: number[] }
  peers: { concurrency: number[]; accounts: number[] }
  namesPerOrder: number
  /** Rounds of the comparison of the rate-limit backends; 0 leaves it out. */
  pairs: number
  pollMs: number
  pin: boolean
  /** Whose core Postgres shares. */
  postgresCore: 'server' | 'driver'
  keep: boolean
  statements: boolean
  settings: Record<string, string>
  /** Where certctl leaves CPU profiles, if anywhere. */
  cpuProfFolder: string | undefined
  jsonFile: string
  reportFile: string
}

export const serverNames = [
  'certctl-postgres',
  'certctl-pglite',
  'pebble',
  'step-ca-badger',
  'step-ca-postgres',
] as const satisfies readonly ServerName[]

export const benchUsage = `node bench/run.ts [options]

  --quick               one repetition of 100 issuances at concurrency 8 with 32 accounts, one pair: a check, no figures
  --servers A,B         of ${serverNames.join(', ')} (default all)
  --repetitions N       starts of every server, in rotated order; medians are reported (default 3)
  --issuances N         measured issuances in each cell (default 400)
  --warmup N            issuances before each cell (default 100)
  --first-warmup N      the same before the first cell after a start (default 500)
  --concurrency A,B     for certctl (default 1,8,32)
  --accounts A,B        for certctl (default 1,32)
  --peer-concurrency A,B, --peer-accounts A,B
                        for Pebble and step-ca (default 8 and 32)
  --names K             names in each order (default 1)
  --pairs N             rounds of rate-limit backend memory against postgres, 0 for none (default 6)
  --poll-ms MS          pause between polls of the client (default 10)
  --set NAME=VALUE      a setting for certctl, may be repeated
  --statements          print the SQL statements that cost most
  --cpu-prof DIR        let certctl leave a CPU profile (.cpuprofile, for Chrome DevTools) of each start there
  --postgres-on WHAT    driver or server: whose core Postgres shares (default driver)
  --no-pin              leave the placement on cores to the kernel
  --keep                keep the servers' folders and logs
  --json FILE           every run as JSON (default .cache/bench/latest.json)
  --report FILE         the report as Markdown (default .cache/bench/latest.md)`

const option = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const

/** Parses the command line; undefined asks for the usage text, a mistake is thrown as a sentence. */
export function parseBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      servers: option,
      repetitions: option,
      issuances: option,
      warmup: option,
      'first-warmup': option,
      concurrency: option,
      accounts: option,
      'peer-concurrency': option,
      'peer-accounts': option,
      names: option,
      pairs: option,
      'poll-ms': option,
      'cpu-prof': option,
      set: { type: 'string', multiple: true, default: [] },
      json: option,
      report: option,
      quick: flag,
      statements: flag,
      'no-pin': flag,
      'postgres-on': option,
      keep: flag,
      help: flag,
    },
  })
  if (values.help) return undefined
  const defaults = values.quick ? quickRun : fullRun
  const number = (name: string, text: string | undefined, fallback: number, least = 1) =>
    text === undefined ? fallback : wholeNumber(`--${name}`, text, least)
  const numbers = (name: string, text: string | undefined, fallback: number[]) =>
    text === undefined ? fallback : text.split(',').map((item) => wholeNumber(`--${name}`, item, 1))
  return {
    servers: values.servers === undefined ? [...serverNames] : values.servers.split(',').map(serverName),
    repetitions: number('repetitions', values.repetitions, defaults.repetitions),
    issuances: number('issuances', values.issuances, defaults.issuances),
    warmup: number('warmup', values.warmup, defaults.warmup, 0),
    firstWarmup: number('first-warmup', values['first-warmup'], defaults.firstWarmup, 0),
    certctl: {
      concurrency: numbers('concurrency', values.concurrency, defaults.concurrency),
      accounts: numbers('accounts', values.accounts, defaults.accounts),
    },
    peers: {
      concurrency: numbers('peer-concurrency', values['peer-concurrency'], [8]),
      accounts: numbers('peer-accounts', values['peer-accounts'], [32]),
    },
    namesPerOrder: number('names', values.names, 1),
    pairs: number('pairs', values.pairs, defaults.pairs, 0),
    pollMs: number('poll-ms', values['poll-ms'], 10, 0),
    pin: !values['no-pin'],
    postgresCore: postgresCore(values['postgres-on']),
    keep: values.keep,
    statements: values.statements,
    settings: Object.fromEntries(values.set.map(nameAndValue)),
    cpuProfFolder: values['cpu-prof'] === undefined ? undefined : resolve(values['cpu-prof']),
    jsonFile: values.json ?? join(cacheFolder, 'latest.json'),
    reportFile: values.report ?? join(cacheFolder, 'latest.md'),
  }
}

const fullRun = {
  repetitions: 3,
  issuances: 400,
  warmup: 100,
  firstWarmup: 500,
  concurrency: [1, 8, 32],
  accounts: [1, 32],
  pairs: 6,
}
const quickRun = {
  repetitions: 1,
  issuances: 100,
  warmup: 20,
  firstWarmup: 20,
  concurrency: [8],
  accounts: [32],
  pairs: 1,
}

function postgresCore(text = 'driver'): 'server' | 'driver' {
  if (text === 'server' || text === 'driver') return text
  throw new Error('--postgres-on is server or driver')
}

function serverName(text: string): ServerName {
  const name = serverNames.find((known) => known === text)
  if (!name) throw new Error(`--servers: there is no ${text}; there are ${serverNames.join(', ')}`)
  return name
}

function nameAndValue(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Error('--set is NAME=VALUE')
  return [text.slice(0, at), text.slice(at + 1)]
}
