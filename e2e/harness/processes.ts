import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** What to run; `env` is the whole environment, so that nothing of the caller's leaks into a client. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string
  readonly user?: { readonly uid: number; readonly gid: number }
}

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  /** Standard output and error, interleaved as they came. */
  readonly output: string
}

/** Where distributions install the programs under test. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const graceMilliseconds = 10_000

/** Runs a command to its end, whatever its exit code. Aborting kills it and everything it started. */
export async function runCommand(command: Command, signal: AbortSignal): Promise<CommandResult> {
  const child = startChild(command)
  const stdout: Buffer[] = []
  const output: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout.push(chunk)
    output.push(chunk)
  })
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
  const kill = () => signalGroup(child, 'SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  try {
    const code = await ended(child)
    const text = Buffer.concat(output).toString()
    return {
      code,
      stdout: Buffer.concat(stdout).toString(),
      output: signal.aborted ? `${text}\n(killed: it took too long)` : text,
    }
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** A process that runs in the background until it is stopped. */
export class Service {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  readonly #lines: string[] = []
  #failure: Error | undefined
  #running = true

  constructor(command: Command, onLine: (line: string) => void = () => undefined) {
    this.#child = startChild(command)
    this.#ended = ended(this.#child).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      return null
    })
    void this.#ended.then(() => (this.#running = false))
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = ''
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          this.#lines.push(line)
          onLine(line)
        }
      })
    }
  }

  /** Every complete line it has written so far. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Signals the process itself, not what it has started. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Waits until `probe` answers something, and fails when the process ends before. */
  async until<T>(what: string, probe: () => T | undefined | Promise<T | undefined>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const found = await probe()
      if (found !== undefined) return found
      if (!this.#running) throw new Error(`it ended before ${what}${this.#failure ? `: ${this.#failure.message}` : ''}`)
      if (signal.aborted) throw new Error(`gave up waiting for ${what}`)
      await sleep(100)
    }
  }

  /** The process's id, while it is running. */
  get pid(): number | undefined {
    return this.#running ? this.#child.pid : undefined
  }

  /** Waits for its end and returns the exit code, which is null when a signal ended it. */
  async ended(signal: AbortSignal): Promise<number | null> {
    const aborted = Promise.withResolvers<never>()
    const abort = () => aborted.reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      const code = await Promise.race([this.#ended, aborted.promise])
      if (this.#failure !== undefined) throw this.#failure
      return code
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Ends it and everything it has started without asking. */
  async kill(): Promise<void> {
    signalGroup(this.#child, 'SIGKILL')
    await this.#ended
  }

  /** Asks it to end, and kills it when it doesn't; everything it started has ended too when this returns. */
  async stop(): Promise<void> {
    if (!this.#running) return
    signalGroup(this.#child, 'SIGTERM')
    const killer = setTimeout(() => signalGroup(this.#child, 'SIGKILL'), graceMilliseconds)
    await this.#ended
    clearTimeout(killer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function startChild(command: Command): ChildProcess {
  return spawn(command.program, command.args, {
    env: command.env,
    cwd: command.cwd,
    detached: true,
    stdio: [command.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...command.user,
  }).on('spawn', function (this: ChildProcess) {
    // A program that ends without reading its input is no failure of ours.
    this.stdin?.on('error', () => undefined).end(command.stdin)
  })
}

// 'close' comes after the last holder of the output has ended, so grandchildren are waited for as well.
function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch {
    // The group has ended already, which is what was wanted.
  }
}

/** The command as one would type it, for messages. */
export function shellWords(command: Pick<Command, 'program' | 'args'>): string {
  return [command.program, ...command.args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`))
    .join(' ')
}
