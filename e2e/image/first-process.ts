import { readFile } from 'node:fs/promises'
import type { Service } from '../harness/processes.ts'

/** The first process of a PID namespace, started by `unshare --fork`, which itself passes no signal on. */
export class FirstProcess {
  readonly #service: Service
  readonly #pid: number

  private constructor(service: Service, pid: number) {
    this.#service = service
    this.#pid = pid
  }

  static async of(service: Service): Promise<FirstProcess> {
    const pid = await service.until('it began', () => childOf(service.pid), AbortSignal.timeout(10_000))
    return new FirstProcess(service, pid)
  }

  get lines(): readonly string[] {
    return this.#service.lines
  }

  /** Lines such as `Uid: 65532 65532 65532 65532` of what the kernel knows of it, by their first word. */
  async status(): Promise<ReadonlyMap<string, string>> {
    const lines = (await readFile(`/proc/${this.#pid}/status`, 'utf8')).split('\n')
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]))
  }

  /** Waits until `probe` is true, and fails with what was written when the process ends before. */
  async until(what: string, probe: () => Promise<boolean>): Promise<void> {
    try {
      await this.#service.until(what, async () => (await probe()) || undefined, AbortSignal.timeout(60_000))
    } catch (error) {
      throw new Error(`${String(error)}\n${this.lines.slice(-40).join('\n')}`, { cause: error })
    }
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.#pid, name)
  }

  /** Waits for its end and returns the exit code. */
  ended(): Promise<number | null> {
    return this.#service.ended(AbortSignal.timeout(60_000))
  }

  /** Ends it without asking. */
  async kill(): Promise<void> {
    await this.#service.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

async function childOf(parent: number | undefined): Promise<number | undefined> {
  if (parent === undefined) return undefined
  // setpriv becomes unshare, and unshare has one child.
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => '')
  const child = Number(children.trim().split(' ')[0])
  if (!(child > 0)) return undefined
  return child
}
