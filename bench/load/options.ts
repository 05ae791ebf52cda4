import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface LoadOptions {
  directoryUrl: string
  caPem: Buffer | undefined
  accounts: number
  concurrency: number
  issuances: number
  warmup: number
  mode: 'http-01' | 'trust'
  domainSuffix: string
  httpPort: number
  namesPerOrder: number
  pollMs: number
  json: boolean
  gate: boolean
}

export const loadUsage = `node bench/load.ts --directory URL [options]

  --directory URL         ACME directory of the server under load
  --ca FILE               PEM certificate that the server's TLS chains to
  --accounts N            accounts that take turns (default 1)
  --concurrency C         issuances under way at a time, each starting when one has ended (default 8)
  --issuances N           measured issuances (default 400)
  --warmup N              issuances before the clock starts (default 100)
  --mode http-01|trust    prove the names, or expect orders that are born ready (default http-01)
  --names K               names in each order (default 1)
  --domain-suffix NAME    every name is unique and below this (default bench.test)
  --http-port PORT        where the server fetches http-01 answers on this machine (default 5002)
  --poll-ms MS            pause before a poll is repeated (default 10)
  --json                  print one line of JSON in place of sentences
  --gate                  print {"event":"ready"} after the warm-up and wait for a line on standard input`

/** Parses the command line; undefined asks for the usage text, a mistake is thrown as a sentence. */
export function parseLoadOptions(args: readonly string[]): LoadOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      directory: { type: 'string' },
      ca: { type: 'string' },
      accounts: { type: 'string', default: '1' },
      concurrency: { type: 'string', default: '8' },
      issuances: { type: 'string', default: '400' },
      warmup: { type: 'string', default: '100' },
      mode: { type: 'string', default: 'http-01' },
      names: { type: 'string', default: '1' },
      'domain-suffix': { type: 'string', default: 'bench.test' },
      'http-port': { type: 'string', default: '5002' },
      'poll-ms': { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  if (!values.directory) throw new Error('--directory is required')
  if (values.mode !== 'http-01' && values.mode !== 'trust') throw new Error('--mode is http-01 or trust')
  return {
    directoryUrl: values.directory,
    caPem: values.ca === undefined ? undefined : readFileSync(values.ca),
    accounts: wholeNumber('--accounts', values.accounts, 1),
    concurrency: wholeNumber('--concurrency', values.concurrency, 1),
    issuances: wholeNumber('--issuances', values.issuances, 1),
    warmup: wholeNumber('--warmup', values.warmup, 0),
    mode: values.mode,
    domainSuffix: values['domain-suffix'],
    httpPort: wholeNumber('--http-port', values['http-port'], 1),
    namesPerOrder: wholeNumber('--names', values.names, 1),
    pollMs: wholeNumber('--poll-ms', values['poll-ms'], 0),
    json: values.json,
    gate: values.gate,
  }
}

/** A command line number of at least `least`. */
export function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least) throw new Error(`${option} must be a whole number from ${least}`)
  return value
}
