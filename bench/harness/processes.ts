import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { allowedCores } from './proc.ts'

/** Which core servers and driver get; undefined where the machine has one core or taskset is missing. */
export interface Cores {
  server: number
  driver: number
  /** One of the two. */
  postgres: number
}

export interface ProcessSpec {
  /** For messages: what a reader calls it. */
  name: string
  command: string
  args: readonly string[]
  logFile: string
  core: number | undefined
  env?: Record<string, string>
  folder?: string
  user?: { uid: number; gid: number } | undefined
  /** Standard input and output for the caller instead of the log file. */
  conversation?: boolean
}

export interface RunningProcess {
  readonly name: string
  readonly pid: number
  readonly child: ChildProcess
  hasEnded(): boolean
  readonly ended: Promise<unknown>
  /** The end of what it wrote, for the message when something fails. */
  logTail(): string
  /** Asks with `signal`, insists with SIGKILL after `graceMs`; resolves when it is gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>
}

const running = new Set<RunningProcess>()
let interrupted = false

/**
 * Starts a process in a session of its own, so that a Ctrl-C in the terminal reaches only the harness, which then ends
 * everything in order.
 */
export async function startProcess(spec: ProcessSpec): Promise<RunningProcess> {
  if (interrupted) throw new Error('interrupted')
  const log = openSync(spec.logFile, 'a')
  const [command, args] =
    spec.core === undefined
      ? [spec.command, spec.args]
      : ['taskset', ['-c', String(spec.core), spec.command, ...spec.args]]
  const child = spawn(command, args, {
    detached: true,
    stdio: spec.conversation ? ['pipe', 'pipe', log] : ['ignore', log, log],
    env: { ...inheritedEnvironment(), ...spec.env },
    ...(spec.folder && { cwd: spec.folder }),
    ...spec.user,
  })
  closeSync(log)
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  const started: RunningProcess = {
    name: spec.name,
    pid: child.pid!,
    child,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    logTail: () => readFileSync(spec.logFile, 'utf8').split('\n').slice(-15).join('\n'),
    async stop(signal = 'SIGTERM', graceMs = 15_000) {
      if (!started.hasEnded()) {
        child.kill(signal)
        const insist = setTimeout(() => child.kill('SIGKILL'), graceMs)
        await ended
        clearTimeout(insist)
      }
      running.delete(started)
    },
  }
  running.add(started)
  return started
}

/** Ends everything and lets nothing start any more, so that the run unwinds by itself. */
export async function interrupt(): Promise<void> {
  interrupted = true
  await stopEverything()
}

export function wasInterrupted(): boolean {
  return interrupted
}

/** Ends what is still running, the last started first. */
export async function stopEverything(): Promise<void> {
  for (const started of [...running].toReversed())
    await started.stop(started.name === 'postgres' ? 'SIGINT' : 'SIGTERM')
}

/** Last resort when the harness itself goes down without having waited. */
export function killEverything(): void {
  for (const started of running) if (!started.hasEnded()) started.child.kill('SIGKILL')
}

/** Calls `probe` until it gives a value; fails early with the log when the process has ended. */
export async function waitFor<T>(
  process: RunningProcess,
  what: () => string,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const value = await probe()
    if (value !== undefined) return value
    if (process.hasEnded()) throw new Error(`${process.name} ended before ${what()}:\n${process.logTail()}`)
    if (performance.now() > deadline) throw new Error(`${process.name}: no ${what()} in 60 s:\n${process.logTail()}`)
    await sleep(50)
  }
}

/** Where the machine allows it, the servers get one core and the driver another, and Postgres shares either. */
export function chooseCores(postgres: 'server' | 'driver'): Cores | undefined {
  const [server, driver] = allowedCores()
  if (server === undefined || driver === undefined || !hasCommand('taskset')) return undefined
  return { server, driver, postgres: postgres === 'server' ? server : driver }
}

/** Moves the harness itself (and its name server) to a core. */
export function pinHarness(core: number): void {
  execFileSync('taskset', ['-cp', String(core), String(process.pid)], { stdio: 'ignore' })
}

export function hasCommand(command: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Settings of the servers come from their fair set-up alone, never from the shell that runs the benchmark. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(CERTCTL_|PEBBLE_|STEP|PG|NODE_OPTIONS)/.test(name)),
  )
}
