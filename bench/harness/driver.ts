import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

import type { LoadResult } from '../load/result.ts'
import type { RunningServer, Surroundings } from '../servers/server.ts'
import { startProcess } from './processes.ts'

/** One point of the matrix. */
export interface Cell {
  mode: 'http-01' | 'trust'
  concurrency: number
  accounts: number
}

export interface Load {
  cell: Cell
  issuances: number
  warmup: number
  namesPerOrder: number
  pollMs: number
}

const loadGenerator = resolve(import.meta.dirname, '../load.ts')

type Message = { event: 'ready' } | { event: 'result'; result: LoadResult }

/**
 * Loads a server from a process of its own, so that the driver's CPU is its own and can be kept on another core.
 * `beforeMeasuring` runs between the warm-up and the measured part.
 */
export async function drive(
  server: RunningServer,
  surroundings: Surroundings,
  load: Load,
  beforeMeasuring: () => Promise<void>,
): Promise<LoadResult> {
  const { cell } = load
  const directory = server.directories[cell.mode]
  if (!directory) throw new Error(`no ${cell.mode} directory on this server`)
  const settings = {
    directory,
    ca: server.caFile,
    mode: cell.mode,
    accounts: cell.accounts,
    concurrency: cell.concurrency,
    issuances: load.issuances,
    warmup: load.warmup,
    names: load.namesPerOrder,
    'poll-ms': load.pollMs,
    'domain-suffix': surroundings.domainSuffix,
    'http-port': surroundings.validationHttpPort,
  }
  const driver = await startProcess({
    name: 'load generator',
    command: process.execPath,
    args: [
      loadGenerator,
      '--json',
      '--gate',
      ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    logFile: join(surroundings.folder, 'driver.log'),
    core: surroundings.cores?.driver,
    conversation: true,
  })
  try {
    const { stdin, stdout } = driver.child
    if (!stdin || !stdout) throw new Error('the load generator was started without pipes')
    for await (const line of createInterface({ input: stdout })) {
      const message: Message = JSON.parse(line)
      if (message.event === 'result') return message.result
      await beforeMeasuring()
      stdin.write('go\n')
    }
    throw new Error(`the load generator ended without a result:\n${driver.logTail()}`)
  } finally {
    await driver.stop()
  }
}
