import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { isLabel, labels, type Label } from './labels.ts'

export interface CrashOptions {
  readonly kills: number
  /** Where to kill at labels. Naming some leaves out everything that is not about these. */
  readonly labels: readonly Label[]
  readonly onlyLabels: boolean
  readonly seed: number
  /** Leave logs, keys and a copy of the tables behind. */
  readonly keep: boolean
}

const usage = `Usage: node e2e/crash/run.ts [--kills N] [--labels a,b] [--seed N] [--keep]

  --kills N      how often a process is killed (default 210)
  --labels a,b   kill only at these labels, and do nothing else: ${labels.join(', ')}
  --seed N       repeat the choices of an earlier run
  --keep         keep the folder with logs, keys and a copy of the tables`

/** The command line; prints what is wrong with it and ends the process. */
export function readOptions(args: readonly string[]): CrashOptions {
  try {
    return parse(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exit(2)
  }
}

function parse(args: readonly string[]): CrashOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: 'string', default: '210' },
      labels: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      keep: { type: 'boolean', default: false },
    },
  })
  const chosen = values.labels?.split(',') ?? labels
  const unknown = chosen.filter((label) => !isLabel(label))
  if (unknown.length > 0) throw new Error(`there is no label ${unknown.join(', ')}`)
  return {
    kills: wholeNumber('--kills', values.kills),
    labels: chosen.filter(isLabel),
    onlyLabels: values.labels !== undefined,
    seed: wholeNumber('--seed', values.seed),
    keep: values.keep,
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`${name} ${text} is no whole number`)
  return Number(text)
}
